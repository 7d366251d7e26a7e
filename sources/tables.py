"""Raw tables on their way from a source to the artifacts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import pyarrow as pa

from stages.arrow_types import plain

TableName = Literal["interactions", "users", "items"]


class Rows(Protocol):
    """A table in memory (``pyarrow.Table``) or in files (``sources.parquet_files.ParquetFiles``)."""

    @property
    def schema(self) -> pa.Schema:
        """Names and types."""

    @property
    def num_rows(self) -> int:
        """How many rows there are."""

    def column(self, name: str) -> pa.ChunkedArray:
        """One column, whole."""

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """All rows in their order, some at a time."""


@dataclass(frozen=True)
class RawTable:
    """One table and the file that it was read from, which messages name."""

    name: TableName
    origin: str
    table: Rows
    #: The types that the columns are to have; by default plain ones for those that ``table`` has.
    schema: pa.Schema = None
    #: Where the row of a number lies, for messages.
    place: Callable[[int], str] = "row {} (counted from 0)".format

    def __post_init__(self) -> None:
        if self.schema is None:
            object.__setattr__(self, "schema", plain(self.table.schema))

    def column(self, name: str) -> pa.ChunkedArray:
        """One column, of its type in ``schema``."""
        return self.table.column(name).cast(self.schema.field(name).type)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, of the types in ``schema``."""
        for batch in self.table.to_batches():
            yield batch.cast(self.schema)

    def in_memory(self) -> pa.Table:
        """All of it, for what is known to be small."""
        return pa.Table.from_batches(self.batches(), self.schema)


@dataclass(frozen=True)
class RawTables:
    """Raw ids, one row an interaction, a user, an item."""

    interactions: RawTable
    users: RawTable
    items: RawTable
