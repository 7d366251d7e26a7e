"""Base class and field types of the tables of a recipe: validated once, then immutable."""

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

Fraction = Annotated[float, Field(ge=0, lt=1)]
NonNegative = Annotated[float, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
PositiveFloat = Annotated[float, Field(gt=0)]


class Table(BaseModel):
    """A TOML table: immutable, and rejects keys that it does not know or would not read."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )

    #: Keys read only under a condition: another key of the table, and the values that it must have.
    READ_WHERE: ClassVar[Mapping[str, tuple[str, tuple[Any, ...]]]] = {}

    @property
    def changed(self) -> list[str]:
        """The keys whose values differ from their defaults, sorted.

        Not the keys that a recipe sets: setting a default changes nothing, and a recipe that was read and
        written back sets every key.
        """
        fields = type(self).model_fields.items()
        return sorted(key for key, field in fields if getattr(self, key) != field.get_default())

    @model_validator(mode="after")
    def _every_key_is_read(self) -> "Table":
        for key, (other, values) in self.READ_WHERE.items():
            if key in self.changed and getattr(self, other) not in values:
                raise ValueError(
                    f"expected `{key}` only with {other} = {one_of(values)}, got it with {other} = "
                    f"{toml(getattr(self, other))}; remove `{key}`"
                )
        return self


def union_of(tables: Iterable[type[Table]], default: str | None = None) -> Any:
    """A field type: one of the tables, selected by the key ``kind``.

    Without ``kind``, ``default`` selects the table; without a default, ``kind`` is required.
    """
    tagged = [Annotated[table, Tag(kind_of(table))] for table in tables]
    union: Any = tagged[0]
    for each in tagged[1:]:
        union = union | each
    return Annotated[union, Discriminator(_kind(default))]


def kind_of(table: type[Table]) -> str:
    """The value of ``kind`` that selects this table in a union."""
    return str(table.model_fields["kind"].default)


def _kind(default: str | None) -> Callable[[Any], Any]:
    def kind(value: Any) -> Any:
        if isinstance(value, dict):
            return value.get("kind", default)
        return getattr(value, "kind", default)

    return kind


def one_of(values: Iterable[Any]) -> str:
    """Values listed for a message: 'a', 'b' or 'c'."""
    *before, last = map(toml, values)
    return f"{', '.join(before)} or {last}" if before else last


def toml(value: Any) -> str:
    """A value as a recipe spells it, text in single quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value)
