"""How a column of the source is found and read: ``[source.columns.NAME]``."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from stages.configuration import Table

TableName = Literal["interactions", "users", "items"]
TABLES: tuple[TableName, ...] = ("interactions", "users", "items")
Text = Annotated[str, Field(min_length=1)]


class RawColumn(Table):
    """The column that the recipe calls NAME, if its name or its values in the source are not as the recipe
    needs them (docs/columns.md)."""

    interactions: Text | None = None
    """Name of the column in the interactions. By default it has the name that the recipe uses."""
    users: Text | None = None
    """Name of the column in the users table. By default it has the name that the recipe uses."""
    items: Text | None = None
    """Name of the column in the items table. By default it has the name that the recipe uses."""
    cast: Literal["integer", "float", "string"] | None = None
    """What to turn each value into. `float` reads texts such as "$12.50" and "1,299.00". By default numbers
    stay numbers and text stays text."""
    unit: Literal["s", "ms", "us", "ns"] | None = None
    """Unit of numbers that count from 1970 (UTC): seconds, milliseconds, microseconds or nanoseconds. By
    default a time that is an integer is in seconds."""
    format: Text | None = None
    """Format of times that are text, such as "%d.%m.%Y %H:%M"; "%z" is an offset from UTC. By default a time
    that is text is read as ISO 8601."""
    separator: Text | None = None
    """What separates the values of a list that is text: "|" reads "A|B" as two values."""

    @property
    def ways(self) -> list[str]:
        """The keys that it sets of those that say how values are read."""
        keys = ("separator", "unit", "format", "cast")
        return [key for key in keys if getattr(self, key) is not None]

    @model_validator(mode="after")
    def _one_way_to_read_it(self) -> "RawColumn":
        # the values of a list that is text can be cast
        if len(self.ways) > 1 and self.ways != ["separator", "cast"]:
            given = " and ".join(f"`{key}`" for key in self.ways)
            raise ValueError(f"expected one of {given}, got {len(self.ways)}; leave the others out")
        return self

    def name_in(self, table: TableName) -> str | None:
        """The column's name in a table of the source, if it differs from the recipe's."""
        return {"interactions": self.interactions, "users": self.users, "items": self.items}[table]
