"""Raw tables as data frames of the types that the workflow is fitted on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from recipes.artifacts import Raw
from recipes.errors import ShortlistError
from recipes.recipe import Feature, Recipe


@dataclass(frozen=True)
class Tables:
    """The raw tables of a recipe, ids in ``user`` and ``item`` columns of one type each.

    ``users`` and ``items`` hold every id once, sorted, those that only occur in interactions too
    (their features are null). ``kinds``: what a raw categorical value is, by column:
    ``integer``, ``string``, ``float`` or ``boolean``.
    """

    interactions: pd.DataFrame
    users: pd.DataFrame
    items: pd.DataFrame
    kinds: dict[str, str]


def read_tables(recipe: Recipe, raw: Raw) -> Tables:
    """Read what ``sources`` wrote, the recipe's columns only.

    Raises ``ShortlistError`` for a missing table or column, for ids of different types, an id that
    a table holds twice, or a value type that no vocabulary can hold.
    """
    _require_distinct_names(recipe)
    columns = recipe.columns
    id_features = {
        columns.user: Feature(kind="categorical"),
        columns.item: Feature(kind="categorical"),
    }
    plain = [name for name in (columns.timestamp, columns.label) if name is not None]
    interactions = _read(raw.interactions, None)
    _require_columns(interactions, [columns.user, columns.item, *plain], raw.interactions)
    _require_values(interactions, [columns.user, columns.item, *plain], raw.interactions)
    kinds = {name: _kind(interactions.schema.field(name), raw.interactions) for name in id_features}
    frame = _typed(interactions, id_features)
    sides = []
    for path, name, features in (
        (raw.users, columns.user, recipe.features.user),
        (raw.items, columns.item, recipe.features.item),
    ):
        table = _read(path, [name, *features])
        for feature, options in features.items():
            if options.kind == "categorical":
                kinds[feature] = _kind(table.schema.field(feature), path)
            else:
                _require_number(table.schema.field(feature), path)
        if _kind(table.schema.field(name), path) != kinds[name]:
            raise ShortlistError(
                f"'{name}' is {table.schema.field(name).type} in {path} and "
                f"{interactions.schema.field(name).type} in {raw.interactions}; give both one type."
            )
        side = _typed(table, {name: id_features[name], **features})
        sides.append(_with_every_id(side, name, frame[name], features, path))
    return Tables(frame, sides[0], sides[1], kinds)


def _require_distinct_names(recipe: Recipe) -> None:
    columns = recipe.columns
    names = [columns.user, columns.item, columns.timestamp, columns.label]
    names += [*recipe.features.user, *recipe.features.item, f"{columns.item}_history"]
    known = [name for name in names if name is not None]
    for name in known:
        if known.count(name) > 1:
            raise ShortlistError(
                f"the recipe names the column '{name}' twice among ids, timestamp, label, user and "
                "item features. An encoded table holds each name once: rename one in your tables."
            )
        if "/" in name or name.startswith("__"):
            raise ShortlistError(
                f"the column name '{name}' cannot be used: a vocabulary is a file of that name. "
                "Rename it in your tables, without '/' and leading '__'."
            )


def _read(path: Path, columns: list[str] | None) -> pa.Table:
    if columns is not None:
        present = pq.read_schema(path)
        _require_columns(present, columns, path)
    return pq.read_table(path, columns=columns)


def _require_columns(table: pa.Table | pa.Schema, columns: list[str], path: Path) -> None:
    names = table.column_names if isinstance(table, pa.Table) else table.names
    for column in columns:
        if column not in names:
            raise ShortlistError(
                f"{path} has no column '{column}', which the recipe names. It has: "
                f"{', '.join(names)}. Mend the recipe, or the source and prepare again."
            )


def _require_values(table: pa.Table, columns: list[str], path: Path) -> None:
    for column in columns:
        nulls = table.column(column).null_count
        if nulls:
            raise ShortlistError(
                f"{nulls} of {table.num_rows} rows of {path} have no '{column}'. Every interaction "
                "needs its ids, and time and label where the recipe names them: drop those rows."
            )


def _value_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _kind(field: pa.Field, path: Path) -> str:
    kind = _value_type(field.type)
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return "string"
    if pa.types.is_floating(kind):
        return "float"
    if pa.types.is_boolean(kind):
        return "boolean"
    raise ShortlistError(
        f"'{field.name}' in {path} is {field.type}; a categorical column holds integers, strings, "
        "floats or booleans. Cast it in the table."
    )


def _require_number(field: pa.Field, path: Path) -> None:
    kind = field.type
    if not (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_null(kind)
    ):
        raise ShortlistError(
            f"'{field.name}' in {path} is {kind}; kinds 'numeric' and 'bucket' need a number. "
            "Cast it in the table, or make it kind 'categorical'."
        )


def _typed(table: pa.Table, features: dict[str, Feature]) -> pd.DataFrame:
    """Integers and booleans keep nulls and do not become floats; computed numbers are float64."""
    frame = pd.DataFrame(index=pd.RangeIndex(table.num_rows))
    for name in table.column_names:
        column = table.column(name)
        options = features.get(name)
        if options is None:
            frame[name] = column.to_pandas()
        elif options.list:
            frame[name] = _lists(column)
        elif options.kind != "categorical":
            frame[name] = column.cast(pa.float64()).to_pandas()
        else:
            frame[name] = _categories(column)
    return frame


def _categories(column: pa.ChunkedArray) -> pd.Series:
    kind = _value_type(column.type)
    if pa.types.is_integer(kind):
        integers = column.cast(pa.int64())
        if column.null_count:
            return integers.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
        return integers.to_pandas()
    if pa.types.is_boolean(kind):
        return column.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
    if pa.types.is_floating(kind):
        return column.cast(pa.float64()).to_pandas()
    return column.cast(pa.string()).to_pandas()


def _lists(column: pa.ChunkedArray) -> pd.Series:
    """A null list is a list of one null: its code is that of null, as for a single value."""
    lists = np.empty(len(column), object)
    null = np.array([None], object)
    for row, values in enumerate(column.to_pandas()):
        lists[row] = null if values is None else values
    return pd.Series(lists)


def _with_every_id(
    side: pd.DataFrame, name: str, used: pd.Series, features: dict[str, Feature], path: Path
) -> pd.DataFrame:
    twice = side[name][side[name].duplicated()]
    if len(twice):
        raise ShortlistError(
            f"{path} holds '{name}' = {twice.iloc[0]!r} more than once ({len(twice)} rows too "
            "many). Keep one row per id."
        )
    absent = pd.Series(pd.unique(used[~used.isin(side[name])]), dtype=side[name].dtype)
    if len(absent):
        extra = pd.DataFrame({name: absent}).reindex(columns=side.columns)
        for feature, options in features.items():
            if options.list:
                extra[feature] = pd.Series([np.array([None], object)] * len(absent), dtype=object)
            else:
                extra[feature] = extra[feature].astype(_nullable(side[feature].dtype))
                side[feature] = side[feature].astype(_nullable(side[feature].dtype))
        side = pd.concat([side, extra], ignore_index=True)
    return side.sort_values(name, kind="stable", ignore_index=True)


def _nullable(dtype: Any) -> Any:
    return pd.Int64Dtype() if dtype == np.int64 else dtype
