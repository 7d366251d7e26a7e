"""A table that arrives once, in batches, kept in a temporary Parquet file while it is checked and written."""

import shutil
import tempfile
import weakref
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sources.formats.text_types import Guess, converted

_ROWS_AT_ONCE = 1 << 17


class Spool:
    """The rows of several parts, one after another: a ``sources.tables.Rows``.

    Args:
        parts: the batches of each part, with its name for messages; all have the type ``schema``.
        guesses: columns of text whose type is that which all of their values have.

    The file lies where ``TMPDIR`` says, and is deleted with this object.
    """

    #: What must exist as long as this table.
    kept: object = None

    def __init__(
        self,
        parts: Iterable[tuple[str, Iterable[pa.RecordBatch]]],
        schema: pa.Schema,
        guesses: dict[str, Guess] | None = None,
    ) -> None:
        guesses = guesses or {}
        self._folder = TemporaryFolder()
        self._path = self._folder.path / "rows.parquet"
        self._names: list[str] = []
        self._starts: list[int] = []
        self.num_rows = 0
        with pq.ParquetWriter(self._path, schema, compression="lz4") as writer:
            for name, batches in parts:
                self._names.append(name)
                self._starts.append(self.num_rows)
                for batch in batches:
                    for column, guess in guesses.items():
                        guess.look(batch.column(column))
                    writer.write_batch(batch)
                    self.num_rows += batch.num_rows
        types = {name: guess.type for name, guess in guesses.items()}
        self.schema = pa.schema(
            [pa.field(each.name, types.get(each.name, each.type)) for each in schema]
        )

    def column(self, name: str) -> pa.ChunkedArray:
        """One whole column."""
        kind = self.schema.field(name).type
        chunks = [converted(batch.column(0), kind) for batch in self._read([name])]
        return pa.chunked_array(chunks, kind)

    def select(self, names: Sequence[str]) -> "Spool":
        """The same rows with some of the columns."""
        some = copy(self)
        some.schema = pa.schema([self.schema.field(name) for name in names])
        return some

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """All rows."""
        for batch in self._read(self.schema.names):
            columns = map(converted, batch.columns, self.schema.types)
            yield pa.RecordBatch.from_arrays(list(columns), schema=self.schema)

    def place(self, row: int) -> str:
        """The row within its part, for messages; ``row`` counts through all parts."""
        part = bisect_right(self._starts, row) - 1
        return f"row {row - self._starts[part]} (counted from 0) of {self._names[part]}"

    def _read(self, columns: list[str]) -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(self._path) as file:
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=columns):
                yield batch.select(columns)


class TemporaryFolder:
    """A new folder that is deleted with this object, or when the process ends."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="shortlist-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
