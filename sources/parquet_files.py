"""One table in one or more Parquet files, read one column or some rows at a time."""

from collections.abc import Collection, Iterator, Sequence
from copy import copy
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from sources.formats.common_schema import Part, common_schema, conformed
from sources.formats.found import Found
from sources.formats.text_types import partition_types
from stages.arrow_types import plain
from stages.errors import ShortlistError

_ROWS_AT_ONCE = 1 << 17
_UNREADABLE = (pa.ArrowException, OSError)


class ParquetFiles:
    """The rows of ``files``, one file after another: a ``sources.tables.Rows`` with plain types.

    The order of columns may differ between files, and so may types of which one holds the values of the
    other. Only ``needed`` columns must be in all of them. Partitions are columns.

    Raises:
        ShortlistError: at once, if a file is not Parquet, lacks a needed column, or has another type of
            column than the others (names all differences); on reading, if a row group is damaged (names its
            number and column).
    """

    #: What must exist as long as this table, such as the folder of its files.
    kept: object = None

    def __init__(
        self, files: Sequence[Found], place: str = "", needed: Collection[str] | None = None
    ) -> None:
        self._files = [_look_at(file) for file in files]
        pairs = (pair for file in files for pair in file.partition.items())
        parts = [file.part for file in self._files]
        self.schema = common_schema(parts, place, needed, partition_types(pairs))
        self.num_rows = sum(file.metadata.num_rows for file in self._files)

    def column(self, name: str) -> pa.ChunkedArray:
        """One whole column of all files."""
        schema = pa.schema([self.schema.field(name)])
        chunks = [batch.column(0) for batch in self._read(schema)]
        return pa.chunked_array(chunks, schema.field(0).type)

    def select(self, names: Sequence[str]) -> "ParquetFiles":
        """The same rows with some of the columns."""
        some = copy(self)
        some.schema = pa.schema([self.schema.field(name) for name in names])
        return some

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, file by file."""
        yield from self._read(self.schema)

    def place(self, row: int) -> str:
        """The row group and file of a row, for messages; ``row`` counts through all files."""
        for file in self._files:
            before = row
            for group in range(file.metadata.num_row_groups):
                if row < (rows := file.metadata.row_group(group).num_rows):
                    return (
                        f"row {before} (counted from 0) of {file.part.label}, in row group {group}"
                    )
                row -= rows
        raise IndexError(row)

    def _read(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        for each in self._files:
            names = [name for name in schema.names if name in each.part.schema.names]
            with pq.ParquetFile(
                each.path, metadata=each.metadata, page_checksum_verification=True
            ) as file:
                for group in range(each.metadata.num_row_groups):
                    rows = file.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=names)
                    try:
                        for batch in rows:
                            yield conformed(batch, each.part, schema, str(each.path))
                    except _UNREADABLE as error:
                        raise _damaged(each.path, file, group, names, error) from error


class _File(NamedTuple):
    """A file, closed again: there may be more files than a process may have open."""

    path: Path
    metadata: pq.FileMetaData
    part: Part


def _look_at(found: Found) -> _File:
    path = found.path
    try:
        with pq.ParquetFile(path) as file:
            part = Part(found.label, plain(file.schema_arrow), found.partition)
            return _File(path, file.metadata, part)
    except PermissionError as error:
        raise ShortlistError(
            f"expected to read {path}, got: permission denied. Give your user read permission for it."
        ) from error
    except _UNREADABLE as error:
        raise ShortlistError(
            f"expected a complete Parquet file at {path}, got an error: {error}. "
            "Write the file again."
        ) from error


def _damaged(
    path: Path, file: pq.ParquetFile, group: int, names: list[str], error: Exception
) -> ShortlistError:
    """The error for a damaged row group, with the first column that is unreadable on its own."""
    where = f"row group {group} of {file.num_row_groups} (counted from 0)"
    for name in names:
        try:
            file.read_row_group(group, columns=[name])
        except _UNREADABLE as found:
            where, error = f"column '{name}' in {where}", found
            break
    return ShortlistError(
        f"expected a complete Parquet file at {path}, got damage in {where}: {error}. "
        "Write the file again."
    )
