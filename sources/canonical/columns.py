"""Find the columns that a recipe uses among those of a raw table."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from recipes.schema.raw_column import RawColumn, TableName
from runtime.did_you_mean import did_you_mean
from stages.errors import ShortlistError


@dataclass(frozen=True)
class Found:
    """Where a column of the recipe is: a column of the table, or a field of its structs.

    ``name``: as in the recipe; ``key``: the recipe's key that names it; ``path``: a column, then fields.
    """

    name: str
    key: str
    path: tuple[str, ...]
    type: pa.DataType

    @property
    def shown(self) -> str:
        """Its name in the table, for messages."""
        return ".".join(self.path)

    def of(self, column: pa.Array) -> pa.Array:
        """Its values in a chunk of the table's column; null where a struct is null."""
        for field in self.path[1:]:
            column = pc.struct_field(column, field)
        return column


def option(name: str, key: str) -> str:
    """The recipe key that says how to read a column, as TOML spells it."""
    bare = re.fullmatch(r"[A-Za-z0-9_-]+", name)
    return f"source.columns.{name if bare else json.dumps(name, ensure_ascii=False)}.{key}"


def find(
    used: Mapping[str, str],
    options: Mapping[str, RawColumn],
    table: TableName,
    schema: pa.Schema,
    origin: str,
) -> Iterator[Found]:
    """Yield the columns of a table that the recipe uses.

    Args:
        used: each of them, with the recipe's key that names it.
        options: ``[source.columns]``.

    Raises:
        ShortlistError: the table lacks one, or has several of its name.
    """
    for name, key in used.items():
        alias = options[name].name_in(table) if name in options else None
        if alias is not None:
            key = f"{key} ({option(name, table)})"
        found = _located(alias or name, schema)
        if found is None:
            raise _missing(alias or name, key, schema, origin)
        path, dtype = found
        if schema.names.count(path[0]) > 1:
            raise ShortlistError(
                f"expected one column '{path[0]}', which the recipe names as {key}, in {origin}, got "
                f"{schema.names.count(path[0])}. Rename or drop the others."
            )
        yield Found(name, key, path, dtype)


def fields_of(kind: pa.DataType) -> list[str]:
    """The fields of a struct and of the structs in it, as a recipe names them below the column."""
    names = []
    for field in kind.fields if pa.types.is_struct(kind) else ():
        names += [f"{field.name}.{inner}" for inner in fields_of(field.type)] or [field.name]
    return names


def _located(name: str, fields: Sequence[pa.Field]) -> tuple[tuple[str, ...], pa.DataType] | None:
    """Path and type of the column called ``a.b``, or else of the field ``b`` of the column ``a``."""
    for field in fields:
        if field.name == name:
            return (name,), field.type
    for field in fields:
        if name.startswith(f"{field.name}.") and pa.types.is_struct(field.type):
            rest = name.removeprefix(f"{field.name}.")
            if inner := _located(rest, field.type.fields):
                path, dtype = inner
                return (field.name, *path), dtype
    return None


def _missing(name: str, key: str, schema: pa.Schema, origin: str) -> ShortlistError:
    known = [
        each
        for field in schema
        for each in (field.name, *(f"{field.name}.{inner}" for inner in fields_of(field.type)))
    ]
    return ShortlistError(
        f"expected one column '{name}', which the recipe names as {key}, in {origin}, got none"
        f"{did_you_mean(name, known)}. Its columns are: {', '.join(known)}. "
        "Fix the recipe or the table."
    )
