"""One schema for several files of a table, and their rows as that schema has them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from sources.formats.text_types import converted
from stages.errors import ShortlistError


@dataclass(frozen=True)
class Part:
    """What is known of one file before its rows are read."""

    label: str
    schema: pa.Schema
    #: The values of its partition columns; a column in the file itself takes precedence.
    partition: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The file's own columns, then those of its partition."""
        own = self.schema.names
        return [*own, *(name for name in self.partition if name not in own)]


def common_schema(
    parts: Sequence[Part],
    place: str,
    needed: Collection[str] | None,
    partition_types: Mapping[str, pa.DataType],
) -> pa.Schema:
    """The columns of all files. Types that differ become one that holds the values of all.

    A column that is not needed is null in the files that lack it, and left out if its types contradict each
    other.

    Args:
        place: the folder, for messages.
        needed: columns that must be in every file, with types that fit; by default, every type must fit,
            but no column must be in every file.
        partition_types: the types of partition columns.

    Raises:
        ShortlistError: a file lacks a needed column, or types contradict each other (names all of them).
    """
    first = parts[0]
    if len(parts) == 1 and not first.partition:
        return first.schema
    fields = {each.name: each.type for each in first.schema}
    problems: dict[str, list[str]] = {}
    for part in parts[1:]:
        for column in part.schema:
            there = fields.get(column.name, column.type)
            both = common_type(column.type, there)
            if both is None:
                problems.setdefault(column.name, []).append(
                    f"column '{column.name}' is {column.type} in {part.label}, {there} in earlier files"
                )
            fields[column.name] = both or there
    fields = {**partition_types, **fields}
    for name in fields:
        for part in parts:
            if (count := part.names.count(name)) > 1:
                problems.setdefault(name, []).append(
                    f"column '{name}' occurs {count} times in {part.label}"
                )
            if not count and name in (needed or ()):
                problems.setdefault(name, []).append(f"{part.label} lacks column '{name}'")
    if lines := [
        line for name in problems if needed is None or name in needed for line in problems[name]
    ]:
        listed = "\n".join(f"  - {line}" for line in sorted(lines))
        raise ShortlistError(
            f"expected the columns that the recipe reads, with the same types, in all files of {place} "
            f"(times all with a time zone or all without), got differences from {first.label}:\n{listed}\n"
            "Write these files again, or move them elsewhere."
        )
    names = [name for part in parts for name in part.names]
    return pa.schema(
        [(name, fields[name]) for name in dict.fromkeys(names) if name not in problems]
    )


def common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    """A type that holds the values of both, or None."""
    if one == other:
        return one
    if pa.types.is_date(one) and pa.types.is_timestamp(other):
        return other
    if pa.types.is_timestamp(one) and pa.types.is_date(other):
        return one
    if pa.types.is_timestamp(one) and pa.types.is_timestamp(other):
        # a zone only says how to show a moment, but a time without one may be a local time
        if (one.tz is None) != (other.tz is None):
            return None
        units = ("s", "ms", "us", "ns")
        unit = max(one.unit, other.unit, key=units.index)
        return pa.timestamp(unit, None if one.tz is None else "UTC")
    if pa.types.is_integer(one) and pa.types.is_integer(other):
        return pa.int64()
    if pa.types.is_null(one) or pa.types.is_null(other):
        return one if pa.types.is_null(other) else other
    if pa.types.is_binary(one) or pa.types.is_binary(other):
        return None  # which Arrow would take text as
    both = [pa.schema([("column", kind)]) for kind in (one, other)]
    try:
        return pa.unify_schemas(both, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return None


def conformed(batch: pa.RecordBatch, part: Part, schema: pa.Schema, where: str) -> pa.RecordBatch:
    """A file's rows with the columns of ``schema``, in their order and with their types.

    Raises:
        ShortlistError: a value does not fit its column's type, such as an integer above 2^53 in a column
            that is floating-point elsewhere.
    """
    if batch.schema.names == schema.names:
        columns = batch.columns  # by place: a name may occur twice
    else:
        columns = [
            batch.column(name)
            if name in batch.schema.names
            else _constant(part, name, batch.num_rows)
            for name in schema.names
        ]
    cast = []
    for column, target in zip(columns, schema, strict=True):
        try:
            text = pa.types.is_string(column.type) and target.name in part.partition
            cast.append(converted(column, target.type) if text else column.cast(target.type))
        except pa.ArrowInvalid as error:
            raise ShortlistError(
                f"expected values of column '{target.name}' of {where} to be {target.type}, the type in "
                f"all files together, got an error: {error}. Write the files with one type."
            ) from error
    return pa.RecordBatch.from_arrays(cast, schema=schema)


def _constant(part: Part, name: str, rows: int) -> pa.Array:
    value = part.partition.get(name)
    return pa.nulls(rows) if value is None else pa.array([value] * rows, pa.string())
