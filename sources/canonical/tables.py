"""Raw tables of any source -> tables with the recipe's columns, in canonical types."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from recipes.schema.raw_column import RawColumn
from recipes.schema.recipe import Recipe
from sources.canonical.columns import Found, fields_of, find, option
from sources.canonical.times import TIME
from sources.canonical.types import Reading, decoded_type, fit_int64, reading
from sources.tables import RawTable, RawTables
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

#: Columns that one log line names.
_SHOWN = 12


def canonical(tables: RawTables, recipe: Recipe) -> RawTables:
    """The columns that the recipe uses, under its names and in canonical types.

    Users and items that the source does not have become the ids in the interactions. Columns are read as
    they are asked for; a value that cannot be read is an error then.

    Raises:
        ShortlistError: a column is missing, occurs twice, or has a type that cannot be read.
    """
    options = recipe.source.columns
    interactions = _canonical(tables.interactions, recipe, options)

    def side(table: RawTable, column: str) -> RawTable:
        if table.is_given:
            return _canonical(table, recipe, options)
        origin = (
            f"the {table.name} of {interactions.origin} (the recipe names no source.{table.name})"
        )
        ids = pa.table({column: pc.unique(interactions.column(column))})
        # these ids have their name and type already
        return _canonical(RawTable(table.name, origin, ids), recipe, {})

    return RawTables(
        interactions,
        side(tables.users, recipe.columns.user),
        side(tables.items, recipe.columns.item),
    )


@dataclass(frozen=True)
class _Column:
    """A column that the recipe uses, and how to read it."""

    found: Found
    reading: Reading
    given: RawColumn

    @property
    def remedy(self) -> str:
        """What to do about a value that cannot be read."""
        if ways := self.given.ways:
            return f"Fix the values, or {option(self.found.name, ways[0])}."
        if self.reading.type == TIME and pa.types.is_string(decoded_type(self.found.type)):
            return f"Fix the values, or set {option(self.found.name, 'format')}, such as '%d.%m.%Y %H:%M'."
        return "Fix the values."

    def read(self, raw: pa.Array) -> tuple[pa.Array, np.ndarray]:
        return self.reading.read(self.found.of(raw))


class CanonicalTable:
    """A raw table as ``sources.tables.Rows``, read through ``columns``."""

    def __init__(self, raw: RawTable, columns: Sequence[_Column]) -> None:
        self._raw = raw
        self._columns = {each.found.name: each for each in columns}
        self._reported: set[str] = set()
        fields = [(name, each.reading.column_type) for name, each in self._columns.items()]
        self.schema = pa.schema(fields)
        self.num_rows = raw.table.num_rows

    def column(self, name: str) -> pa.ChunkedArray:
        """One whole column.

        Raises:
            ShortlistError: values cannot be read; names the first of them, and how many there are.
        """
        column = self._columns[name]
        chunks, first, count, row = [], None, 0, 0
        for chunk in self._raw.table.column(column.found.path[0]).chunks:
            found, unread = column.read(chunk)
            chunks.append(found)
            self._report_lost_digits(column, chunk)
            if unread.any():
                place = int(unread.argmax())
                first = first or (row + place, _shown(column.found.of(chunk)[place]))
                count += int(unread.sum())
            row += len(chunk)
        if first is not None:
            raise self._unread(column, *first, count)
        return pa.chunked_array(chunks, column.reading.column_type)

    def select(self, names: Sequence[str]) -> "CanonicalTable":
        """The same rows with some of the columns."""
        return CanonicalTable(self._raw, [self._columns[name] for name in names])

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """All rows in order, some at a time; a value that ``column`` would refuse is null."""
        tops = list(dict.fromkeys(each.found.path[0] for each in self._columns.values()))
        for batch in self._raw.table.select(tops).to_batches():
            arrays = [each.read(batch[each.found.path[0]])[0] for each in self._columns.values()]
            yield pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _report_lost_digits(self, column: _Column, chunk: pa.Array) -> None:
        name = column.found.name
        if name in self._reported or not column.reading.loses_digits(column.found.of(chunk)):
            return
        self._reported.add(name)
        log.info(
            f"column '{column.found.shown}' of {self._raw.origin} has numbers of more than 15 digits: "
            "the last ones are rounded"
        )

    def _unread(self, column: _Column, row: int, value: str, count: int) -> ShortlistError:
        found = column.found
        return ShortlistError(
            f"expected {column.reading.expected} in column '{found.shown}' of {self._raw.origin}, got "
            f"{value} in {self._raw.place(row)}; affected rows: {count:,} of {self.num_rows:,}. "
            f"{column.remedy}"
        )


def _canonical(raw: RawTable, recipe: Recipe, options: Mapping[str, RawColumn]) -> RawTable:
    schema = raw.table.schema
    times = recipe.times_of(raw.name)
    columns = []
    for found in find(recipe.columns_of(raw.name), options, raw.name, schema, raw.origin):
        given = options.get(found.name, RawColumn())

        def fits_int64(found: Found = found) -> bool:
            return fit_int64(found.of(chunk) for chunk in raw.table.column(found.path[0]).chunks)

        how = reading(found.type, given, found.name in times, fits_int64)
        if how is None:
            raise _unreadable(raw, found, given)
        columns.append(_Column(found, how, given))
    columns.sort(key=lambda each: schema.names.index(each.found.path[0]))
    used = {each.found.path[0] for each in columns}
    if unused := [name for name in dict.fromkeys(schema.names) if name not in used]:
        more = f" and {len(unused) - _SHOWN:,} more" if len(unused) > _SHOWN else ""
        log.info(
            f"passed over columns of {raw.origin} that the recipe does not use: "
            f"{', '.join(unused[:_SHOWN])}{more}"
        )
    return replace(raw, table=CanonicalTable(raw, columns))


def _unreadable(raw: RawTable, found: Found, given: RawColumn) -> ShortlistError:
    kind = found.type
    if ways := given.ways:
        expected = {
            "cast": {
                "integer": "integers, whole numbers or text",
                "float": "numbers or text",
                "string": "text or numbers",
            }.get(given.cast or ""),
            "unit": "numbers",
            "format": "text or integers",
            "separator": "text",
        }[ways[0]]
        return ShortlistError(
            f"expected {expected} in column '{found.shown}' of {raw.origin}, to which "
            f"{option(found.name, ways[0])} applies, got {kind}. Remove this key, or fix the table."
        )
    if pa.types.is_struct(kind):
        fields = ", ".join(f"{found.shown}.{name}" for name in fields_of(kind))
        remedy = f"Name one of its fields instead: {fields}."
    elif pa.types.is_binary(decoded_type(kind)):
        remedy = (
            f"If it is text, set {option(found.name, 'cast')} = 'string'; otherwise fix the table."
        )
    elif pa.types.is_time(kind) or pa.types.is_duration(kind):
        remedy = "Write it as a number, such as its seconds."
    else:
        remedy = "Write it as columns of their own, or as one list per row."
    return ShortlistError(
        f"expected numbers, text, booleans, times or lists of these in column '{found.shown}' of "
        f"{raw.origin}, which the recipe names as {found.key}, got {kind}. {remedy}"
    )


def _shown(value: pa.Scalar) -> str:
    try:
        text = repr(value.as_py())
    except (OverflowError, ValueError):  # a time that Python's calendar does not reach
        text = f"the {value.type} {value.value}"
    return text if len(text) <= 60 else f"{text[:57]}..."
