"""Raw tables, as sources return them and the artifacts store them."""

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
        """The number of rows."""

    def column(self, name: str) -> pa.ChunkedArray:
        """One whole column."""

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """All rows in order, some at a time."""


@dataclass(frozen=True)
class RawTable:
    """One table, and the file that it was read from, for messages."""

    name: TableName
    origin: str
    table: Rows
    #: The types that the columns get; by default the plain types of those in ``table``.
    schema: pa.Schema = None
    #: Describes the position of a row, given its number, for messages.
    place: Callable[[int], str] = "row {} (counted from 0)".format

    def __post_init__(self) -> None:
        if self.schema is None:
            object.__setattr__(self, "schema", plain(self.table.schema))

    def column(self, name: str) -> pa.ChunkedArray:
        """One column, with its type in ``schema``."""
        return self.table.column(name).cast(self.schema.field(name).type)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows, with the types in ``schema``."""
        for batch in self.table.to_batches():
            yield batch.cast(self.schema)

    def in_memory(self) -> pa.Table:
        """The whole table, for tables that are known to be small."""
        return pa.Table.from_batches(self.batches(), self.schema)


@dataclass(frozen=True)
class RawTables:
    """Three tables with raw ids: one row per interaction, per user and per item."""

    interactions: RawTable
    users: RawTable
    items: RawTable
