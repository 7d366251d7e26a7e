"""Raw tables, as sources return them and the artifacts store them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from recipes.schema.raw_column import TableName as TableName


class Rows(Protocol):
    """A table in memory (``pyarrow.Table``) or in files (``sources.parquet_files.ParquetFiles``)."""

    @property
    def schema(self) -> pa.Schema:
        """Names and types."""

    @property
    def num_rows(self) -> int:
        """The number of rows."""

    def column(self, name: str) -> pa.ChunkedArray:
        """One whole column."""

    def select(self, names: Sequence[str]) -> "Rows":
        """The same rows with some of the columns, in this order."""

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """All rows in order, some at a time."""


@dataclass(frozen=True)
class RawTable:
    """One table, and the file that it was read from, for messages."""

    name: TableName
    origin: str
    table: Rows
    #: False if the source has no such table: it becomes the ids in the interactions.
    is_given: bool = True
    #: Describes the position of a row, given its number, for messages.
    place: Callable[[int], str] = "row {} (counted from 0)".format

    def column(self, name: str) -> pa.ChunkedArray:
        """One whole column."""
        return self.table.column(name)

    def in_memory(self) -> pa.Table:
        """The whole table, for tables that are known to be small."""
        return pa.Table.from_batches(self.table.to_batches(), self.table.schema)


@dataclass(frozen=True)
class RawTables:
    """Three tables with raw ids: one row per interaction, per user and per item."""

    interactions: RawTable
    users: RawTable
    items: RawTable
