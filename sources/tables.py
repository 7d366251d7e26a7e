"""Raw tables on their way from a source to the artifacts."""

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

TableName = Literal["interactions", "users", "items"]


@dataclass(frozen=True)
class RawTable:
    """One table and the file that it was read from, which messages name."""

    name: TableName
    origin: str
    table: pa.Table


@dataclass(frozen=True)
class RawTables:
    """Raw ids, one row an interaction, a user, an item."""

    interactions: RawTable
    users: RawTable
    items: RawTable
