"""Check the tables of every source, with errors that name the file and the recipe key."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.kind import FeatureKind, Side
from features.kinds.numeric import Numeric
from recipes.schema.events import Events, listed_kinds
from recipes.schema.recipe import Recipe
from runtime.did_you_mean import did_you_mean
from sources.canonical.columns import option
from sources.tables import RawTable, RawTables
from stages.arrow_types import is_number, is_time
from stages.errors import ShortlistError

#: From which number on an integer is hardly a time in seconds: 1973 in this unit, the year 5138 in the unit
#: before.
_FINER_UNITS = (
    ("ns", "nanoseconds", 10**17),
    ("us", "microseconds", 10**14),
    ("ms", "milliseconds", 10**11),
)


def check(tables: RawTables, recipe: Recipe) -> None:
    """Read every column and check that it is what the recipe needs.

    Raises:
        ShortlistError: a table is empty; a column has the wrong type, a value that cannot be read, or an
            infinite one; an id, timestamp, label, weight or kind is null; ``events.weights`` lacks a kind;
            an id occurs twice in users or items; ids are numbers in one table and text in another.
    """
    columns = recipe.columns
    interactions, users, items = tables.interactions, tables.users, tables.items
    for table in (interactions, users, items):
        if table.table.num_rows == 0:
            raise ShortlistError(
                f"expected at least one row of {table.name} in {table.origin}, got none. Check the "
                "source of the data."
            )
    for name in interactions.table.schema.names:
        column = interactions.column(name)
        _refuse_infinite(interactions, name, column)
        if name in (columns.user, columns.item):
            _check_ids(interactions, name, column)
        if name == columns.timestamp:
            _check_time(interactions, name, column)
            _refuse_nulls(interactions, name, column.is_null(), "nulls")
        if name in (columns.label, columns.weight):
            _check_number(interactions, name, column)
        if recipe.events is not None and name == recipe.events.column:
            _check_kinds(interactions, recipe.events, column)
    sides: tuple[Side, ...] = ("user", "item")
    for side, table, identity in zip(
        sides, (users, items), (columns.user, columns.item), strict=True
    ):
        features = recipe.features.of_side(side)
        read_by = {
            column: [name for name, each in features.items() if column in each.columns(name)]
            for column in table.table.schema.names
        }
        for name, readers in read_by.items():
            column = table.column(name)
            _refuse_infinite(table, name, column)
            if name == identity:
                _check_ids(table, name, column)
                _check_once_each(table, name, column)
                _compare_ids(interactions, table, name)
            if name == columns.title and table is items:
                _check_title(table, name)
            for reader in readers:
                _check_feature(table, name, column, f"features.{side}.{reader}", features[reader])


def _wrong_type(table: RawTable, name: str, expected: str, hint: str = "") -> ShortlistError:
    found = table.table.schema.field(name).type
    if pa.types.is_null(found):
        hint = "It has no values: fill it in, or remove it from the recipe."
    hint = hint or "Change its type in the table, or fix the recipe."
    return ShortlistError(
        f"expected column '{name}' of {table.origin} to be {expected}, got {found}. {hint}"
    )


def _refuse_nulls(table: RawTable, name: str, is_null: pa.ChunkedArray, what: str) -> None:
    count = pc.sum(is_null).as_py() or 0
    if count:
        first = pc.index(is_null, True).as_py()
        raise ShortlistError(
            f"expected no {what} in column '{name}' of {table.origin}, got {count} in "
            f"{table.table.num_rows} rows, the first in {table.place(first)}. "
            "Drop these rows, or fill in the values."
        )


def _check_ids(table: RawTable, name: str, ids: pa.ChunkedArray) -> None:
    if pa.types.is_int64(ids.type):
        _refuse_nulls(table, name, ids.is_null(), "null ids")
    elif pa.types.is_string(ids.type):
        missing = pc.or_(ids.is_null(), pc.equal(pc.fill_null(ids, ""), ""))
        _refuse_nulls(table, name, missing, "null or empty ids")
        # pandas and C libraries read a text up to its first NUL
        _refuse_nulls(table, name, pc.match_substring(ids, "\0"), "ids with a NUL character")
    elif pa.types.is_uint64(ids.type):
        raise _wrong_type(table, name, "an integer below 2^63 or a string")
    else:
        hint = _float_hint(table, name, ids) if _is_float(ids.type) else ""
        raise _wrong_type(table, name, "an integer or a string", hint)


def _float_hint(table: RawTable, name: str, ids: pa.ChunkedArray) -> str:
    missing = ids.is_null(nan_is_null=True)
    if not (count := pc.sum(missing).as_py()):
        return f"Write these numbers as integers, or set {option(name, 'cast')} = 'integer'."
    first = table.place(pc.index(missing, True).as_py())
    return (
        f"A null among integers turns them into floats: got {count} in {len(ids)} rows, "
        f"the first in {first}. Drop these rows, and write the other ids as integers."
    )


def _is_float(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind))


def _refuse_infinite(table: RawTable, name: str, column: pa.ChunkedArray) -> None:
    is_list = pa.types.is_list(column.type)
    if not _is_float(column.type.value_type if is_list else column.type):
        return
    _refuse_large(table, name, column, float("inf"), "finite numbers")


def _refuse_large(
    table: RawTable, name: str, column: pa.ChunkedArray, limit: float, expected: str
) -> None:
    """Refuse numbers, or numbers in lists, that are ``limit`` or more, or minus that or less."""
    is_list, row, first, count = pa.types.is_list(column.type), 0, None, 0
    for chunk in column.chunks:
        values = np.asarray((chunk.flatten() if is_list else chunk).fill_null(0))
        large = np.flatnonzero(np.abs(values) >= limit)
        rows = np.asarray(pc.list_parent_indices(chunk))[large] if is_list else large
        if len(large) and first is None:
            first = (row + int(rows[0]), values[large[0]])
        count += len(np.unique(rows))
        row += len(chunk)
    if first is not None:
        raise ShortlistError(
            f"expected {expected} in column '{name}' of {table.origin}, got {first[1]:g} in "
            f"{table.place(first[0])}; affected rows: {count:,} of {row:,}. Replace such values, or leave "
            "them empty."
        )


def _check_time(table: RawTable, name: str, column: pa.ChunkedArray) -> None:
    if not is_time(column.type):
        hint = (
            f"If it counts from 1970, set {option(name, 'unit')}." if _is_float(column.type) else ""
        )
        raise _wrong_type(table, name, "a time: a date, a datetime, text or integer seconds", hint)
    if not pa.types.is_integer(column.type):
        return
    ends = [each for each in pc.min_max(column).as_py().values() if each is not None]
    largest = max(map(abs, ends), default=0)
    for unit, words, least in _FINER_UNITS:
        if largest >= least:
            raise ShortlistError(
                f"expected seconds since 1970 in column '{name}' of {table.origin}, got numbers up to "
                f"{largest:,}, which look like {words}. Set {option(name, 'unit')} = '{unit}', or 's' if "
                "they are seconds."
            )


def _check_number(table: RawTable, name: str, column: pa.ChunkedArray) -> None:
    if not (is_number(column.type) or pa.types.is_boolean(column.type)):
        raise _wrong_type(table, name, "a number")
    missing = column.is_null(nan_is_null=_is_float(column.type))
    _refuse_nulls(table, name, missing, "nulls")
    _refuse_beyond_float32(table, name, column)


def _refuse_beyond_float32(table: RawTable, name: str, column: pa.ChunkedArray) -> None:
    if _is_float(column.type):
        limit = float(np.finfo(np.float32).max)
        _refuse_large(
            table, name, column, limit, f"numbers up to {limit:.2g}, which the models take,"
        )


def _check_kinds(table: RawTable, events: Events, column: pa.ChunkedArray) -> None:
    if not (pa.types.is_string(column.type) or pa.types.is_integer(column.type)):
        raise _wrong_type(table, events.column, "text or integers, one kind per interaction")
    _refuse_nulls(table, events.column, column.is_null(), "null kinds")
    counts = column.cast(pa.string()).value_counts()
    found = dict(
        zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True)
    )
    if unknown := [kind for kind in found if kind not in events.weights and events.weights]:
        raise ShortlistError(
            f"expected events.weights to have every kind in column '{events.column}' of {table.origin}, "
            f"which are {listed_kinds(found)}, got none for '{unknown[0]}'"
            f"{did_you_mean(unknown[0], events.weights)}. Add its weight; 0 drops its interactions."
        )


def _check_title(table: RawTable, name: str) -> None:
    if not pa.types.is_string(table.table.schema.field(name).type):
        raise _wrong_type(table, name, "a string, because the recipe names it as columns.title")


def _check_feature(
    table: RawTable, name: str, column: pa.ChunkedArray, key: str, feature: FeatureKind
) -> None:
    if feature.reads_time:
        _check_time(table, name, column)
    if expected := feature.expected_type(column.type, key):
        raise _wrong_type(table, name, expected)
    if isinstance(feature, Numeric) and feature.clip is None:
        _refuse_beyond_float32(table, name, column)


def _check_once_each(table: RawTable, name: str, ids: pa.ChunkedArray) -> None:
    counts = ids.value_counts()
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        example = twice[0]["values"].as_py()
        raise ShortlistError(
            f"expected every id once in column '{name}' of {table.origin}, got {len(twice)} ids "
            f"more than once, such as {example!r}. Keep one row for each id."
        )


def _compare_ids(interactions: RawTable, table: RawTable, name: str) -> None:
    used, known = (each.table.schema.field(name).type for each in (interactions, table))
    if used != known:
        raise ShortlistError(
            f"expected one type for column '{name}' in {interactions.origin} and {table.origin}, "
            f"got {used} and {known}. Make both integers or both strings, "
            f"or set {option(name, 'cast')}."
        )
