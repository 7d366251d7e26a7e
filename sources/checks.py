"""Check the tables of every source, with errors that name the file and the recipe key."""

from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from features.kind import FeatureKind
from recipes.schema.events import Events
from recipes.schema.recipe import Recipe
from runtime.did_you_mean import did_you_mean
from sources.tables import RawTable, RawTables
from stages.arrow_types import is_number, is_time
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)


def checked(tables: RawTables, recipe: Recipe) -> RawTables:
    """Check the tables and return them with plain column types.

    Ids become int64 or string, and dictionary-encoded and large types plain ones; nothing else changes.

    Raises:
        ShortlistError: a table is empty; a column that the recipe names is missing or has the wrong
            type; an id, timestamp, label, weight or kind is null; a weight is below 0; ``events.weights``
            lacks a kind; an id occurs twice in users or items; ids are numbers in one table and text in
            another.
    """
    columns = recipe.columns
    interactions, users, items = tables.interactions, tables.users, tables.items
    for table in (interactions, users, items):
        if table.table.num_rows == 0:
            raise ShortlistError(
                f"expected at least one row of {table.name} in {table.origin}, got none. Check the "
                "source of the data."
            )

    interactions = _with_ids(interactions, columns.user, "columns.user")
    interactions = _with_ids(interactions, columns.item, "columns.item")
    _check_timestamp(interactions, columns.timestamp)
    _check_number(interactions, columns.label, "columns.label")
    _check_number(interactions, columns.weight, "columns.weight")
    _check_weight(interactions, columns.weight)
    _check_kinds(interactions, recipe.events)
    users = _with_ids(users, columns.user, "columns.user")
    items = _with_ids(items, columns.item, "columns.item")
    if columns.title is not None:
        _check_title(items, columns.title)
    for side, key, table in (
        (recipe.features.user, "features.user", users),
        (recipe.features.item, "features.item", items),
    ):
        for name, feature in side.items():
            for column in feature.columns(name):
                _check_feature(table, column, f"{key}.{name}", feature)
                _report_empty(table, column, f"{key}.{name}")
    for column, table in ((columns.user, users), (columns.item, items)):
        _check_once_each(table, column)
        _compare_ids(interactions, table, column)
    return RawTables(interactions, users, items)


def _column(table: RawTable, name: str, key: str) -> pa.ChunkedArray:
    _type(table, name, key)
    return table.column(name)


def _type(table: RawTable, name: str, key: str) -> pa.DataType:
    known = table.schema.names
    if known.count(name) != 1:
        found = "none" if name not in known else "more than one"
        raise ShortlistError(
            f"expected one column '{name}', which the recipe names as {key}, in {table.origin}, got "
            f"{found}{did_you_mean(name, known)}. Its columns are: {', '.join(known)}. "
            "Fix the recipe or the table."
        )
    return table.schema.field(name).type


def _wrong_type(table: RawTable, name: str, expected: str, hint: str = "") -> ShortlistError:
    found = table.schema.field(name).type
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


def _with_ids(table: RawTable, name: str, key: str) -> RawTable:
    ids = _column(table, name, key)
    if pa.types.is_integer(ids.type):
        _refuse_nulls(table, name, ids.is_null(), "null ids")
        try:
            ids = ids.cast(pa.int64())
        except pa.ArrowInvalid as error:
            raise _wrong_type(table, name, "an integer below 2^63 or a string") from error
    elif pa.types.is_string(ids.type):
        missing = pc.or_(ids.is_null(), pc.equal(pc.fill_null(ids, ""), ""))
        _refuse_nulls(table, name, missing, "null or empty ids")
    else:
        hint = _float_hint(table, ids) if _is_float(ids.type) else ""
        raise _wrong_type(table, name, "an integer or a string", hint)
    schema = table.schema.set(table.schema.get_field_index(name), pa.field(name, ids.type))
    return replace(table, schema=schema)


def _float_hint(table: RawTable, ids: pa.ChunkedArray) -> str:
    missing = ids.is_null(nan_is_null=True)
    if not (count := pc.sum(missing).as_py()):
        return "Write these numbers as integers."
    first = table.place(pc.index(missing, True).as_py())
    return (
        f"A null among integers turns them into floats: got {count} in {len(ids)} rows, "
        f"the first in {first}. Drop these rows, and write the other ids as integers."
    )


def _is_float(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind))


def _check_timestamp(table: RawTable, name: str | None) -> None:
    if name is None:
        return
    column = _column(table, name, "columns.timestamp")
    if not is_time(column.type):
        raise _wrong_type(table, name, "an integer (seconds) or a datetime")
    _refuse_nulls(table, name, column.is_null(), "nulls")


def _check_number(table: RawTable, name: str | None, key: str) -> None:
    if name is None:
        return
    column = _column(table, name, key)
    if not (is_number(column.type) or pa.types.is_boolean(column.type)):
        raise _wrong_type(table, name, "a number")
    missing = column.is_null(nan_is_null=_is_float(column.type))
    _refuse_nulls(table, name, missing, "nulls")


def _check_weight(table: RawTable, name: str | None) -> None:
    if name is None:
        return
    weights = table.column(name).cast(pa.float64())
    wrong = pc.invert(pc.and_(pc.greater_equal(weights, 0), pc.is_finite(weights)))
    if count := pc.sum(wrong).as_py() or 0:
        first = pc.index(wrong, True).as_py()
        raise ShortlistError(
            f"expected weights of at least 0 in column '{name}' of {table.origin} (columns.weight), got "
            f"{count} others in {table.table.num_rows} rows, the first, {weights[first]}, in "
            f"{table.place(first)}. Fix the weights; 0 drops a row."
        )


#: At most this many kinds are named in a message.
_NAMED = 12


def _check_kinds(table: RawTable, events: Events | None) -> None:
    if events is None:
        return
    column = _column(table, events.column, "events.column")
    if not (pa.types.is_string(column.type) or pa.types.is_integer(column.type)):
        raise _wrong_type(table, events.column, "text or integers, one kind per interaction")
    _refuse_nulls(table, events.column, column.is_null(), "null kinds")
    counts = column.cast(pa.string()).value_counts()
    found = dict(
        zip(counts.field("values").to_pylist(), counts.field("counts").to_pylist(), strict=True)
    )
    listed = ", ".join(f"'{kind}' ({rows:,})" for kind, rows in [*found.items()][:_NAMED])
    listed += ", ..." if len(found) > _NAMED else ""
    if unknown := [kind for kind in found if kind not in events.weights and events.weights]:
        raise ShortlistError(
            f"expected events.weights to have every kind in column '{events.column}' of {table.origin}, "
            f"which are {listed}, got none for '{unknown[0]}'"
            f"{did_you_mean(unknown[0], events.weights)}. Add its weight; 0 drops its interactions."
        )
    for kind in events.named:
        if kind not in found:
            log.info(
                f"kind '{kind}', which [events] names, is not in column '{events.column}' of "
                f"{table.origin}, whose kinds are {listed}{did_you_mean(kind, found)}"
            )


def _check_title(table: RawTable, name: str) -> None:
    if not pa.types.is_string(_type(table, name, "columns.title")):
        raise _wrong_type(table, name, "a string, because the recipe names it as columns.title")


def _check_feature(table: RawTable, name: str, key: str, feature: FeatureKind) -> None:
    if expected := feature.expected_type(_type(table, name, key), key):
        raise _wrong_type(table, name, expected)


def _report_empty(table: RawTable, name: str, key: str) -> None:
    column = table.column(name)
    if pc.all(column.is_null(nan_is_null=_is_float(column.type))).as_py():
        log.info(
            f"column '{name}' of {table.origin} ({key}) has no values: the models cannot learn from it"
        )


def _check_once_each(table: RawTable, name: str) -> None:
    counts = table.column(name).value_counts()
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        example = twice[0]["values"].as_py()
        raise ShortlistError(
            f"expected every id once in column '{name}' of {table.origin}, got {len(twice)} ids "
            f"more than once, such as {example!r}. Keep one row for each id."
        )


def _compare_ids(interactions: RawTable, table: RawTable, name: str) -> None:
    used, known = interactions.column(name), table.column(name)
    if used.type != known.type:
        raise ShortlistError(
            f"expected one type for column '{name}' in {interactions.origin} and {table.origin}, "
            f"got {used.type} and {known.type}. Make both integers or both strings."
        )
    distinct = pc.unique(used)
    absent = len(distinct) - (pc.sum(pc.is_in(distinct, value_set=pc.unique(known))).as_py() or 0)
    if absent:
        log.info(
            f"{absent} of {len(distinct)} {table.name} in the interactions are not in "
            f"{table.origin} and have no features"
        )
