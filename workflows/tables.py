"""Raw tables as data frames of the types that the workflow is fitted on."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ensemble.runtime.words import words
from recipes.artifacts import Raw
from recipes.data import Columns, Feature
from recipes.errors import ShortlistError
from recipes.recipe import Recipe

#: Integers that can be null. pandas would otherwise make floats of them, which are not exact.
_NULLABLE = {
    pa.int64(): pd.Int64Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


@dataclass(frozen=True)
class Tables:
    """The raw tables of a recipe.

    ``users`` and ``items`` hold every id once, sorted, those that only occur in interactions too
    (their features are null). ``kinds``: what a raw categorical value is, by column:
    ``integer``, ``string``, ``float`` or ``boolean``.
    """

    interactions: pd.DataFrame
    users: pd.DataFrame
    items: pd.DataFrame
    kinds: dict[str, str]

    def of(self, columns: Columns, interactions: pd.DataFrame) -> "Tables":
        """Only the users and items that occur in ``interactions``."""
        users = self.users[self.users[columns.user].isin(interactions[columns.user])]
        items = self.items[self.items[columns.item].isin(interactions[columns.item])]
        return replace(
            self,
            interactions=interactions,
            users=users.reset_index(drop=True),
            items=items.reset_index(drop=True),
        )


def read_tables(recipe: Recipe, raw: Raw) -> Tables:
    """Read what ``sources`` checked and wrote: all of the interactions, the features of the rest.

    Raises ``ShortlistError`` for a column that the recipe names and a table lacks.
    """
    columns = recipe.columns
    identity = Feature(kind="categorical")
    ids = {columns.user: identity, columns.item: identity}
    used = [columns.user, columns.item, columns.timestamp, columns.label, columns.weight]
    _require_columns(raw.interactions, [name for name in used if name is not None])
    table = pq.read_table(raw.interactions)
    interactions = _typed(table, ids)
    kinds = {name: _kind(table.schema.field(name).type) for name in ids}
    sides = []
    for path, name, features in (
        (raw.users, columns.user, recipe.features.user),
        (raw.items, columns.item, recipe.features.item),
    ):
        _require_columns(path, [name, *features])
        table = pq.read_table(path, columns=[name, *features])
        for feature, options in features.items():
            if options.kind in ("categorical", "text"):
                kinds[feature] = _kind(table.schema.field(feature).type)
        side = _typed(table, {name: identity, **features})
        sides.append(_with_every_id(side, name, interactions[name], features))
    return Tables(interactions, sides[0], sides[1], kinds)


def _require_columns(path: Path, columns: list[str]) -> None:
    names = pq.read_schema(path).names
    for column in columns:
        if column not in names:
            raise ShortlistError(
                f"{path} has no column '{column}', which the recipe names. It has: "
                f"{', '.join(names)}. Mend the recipe, or the source and prepare again."
            )
        if "/" in column:
            raise ShortlistError(
                f"the column name '{column}' has a slash in it, and a vocabulary is a file of its "
                "column's name. Rename the column in the table and the recipe."
            )


def _value_type(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_list(kind) else kind


def _kind(kind: pa.DataType) -> str:
    value = _value_type(kind)
    if pa.types.is_integer(value):
        return "integer"
    if pa.types.is_floating(value):
        return "float"
    return "boolean" if pa.types.is_boolean(value) else "string"


def _typed(table: pa.Table, features: dict[str, Feature]) -> pd.DataFrame:
    """Categories keep their type beside nulls; numbers to compute with are float64."""
    frame = pd.DataFrame(index=pd.RangeIndex(table.num_rows))
    for name in table.column_names:
        column = table.column(name)
        options = features.get(name)
        if options is None:
            is_date = pa.types.is_date(column.type)
            frame[name] = (column.cast(pa.timestamp("s")) if is_date else column).to_pandas()
        elif options.several:
            frame[name] = _lists(_words(column) if options.kind == "text" else column)
        elif options.kind == "categorical":
            frame[name] = _categories(column)
        else:
            frame[name] = column.cast(pa.float64()).to_pandas()
    return frame


def _categories(column: pa.ChunkedArray) -> pd.Series:
    kind = column.type
    if pa.types.is_integer(kind):
        whole = column.cast(pa.uint64() if kind == pa.uint64() else pa.int64())
        return whole.to_pandas(types_mapper=_NULLABLE.get if column.null_count else None)
    if pa.types.is_floating(kind):
        return column.cast(pa.float64()).to_pandas()
    return column.to_pandas(types_mapper=_NULLABLE.get)


def _words(column: pa.ChunkedArray) -> pa.ChunkedArray:
    texts = (None if text is None else words(text) for text in column.to_pylist())
    return pa.chunked_array([pa.array(texts, pa.list_(pa.string()))])


def _lists(column: pa.ChunkedArray) -> pd.Series:
    """A null list is a list of one null: its code is that of null, as for a single value."""
    lists = np.empty(len(column), object)
    null = np.array([None], object)
    # pandas would make floats of integers that stand beside a null
    has_nulls = column.combine_chunks().flatten().null_count > 0
    for row, values in enumerate(column.to_pylist() if has_nulls else column.to_pandas()):
        lists[row] = null if values is None else values
    return pd.Series(lists)


def _with_every_id(
    side: pd.DataFrame, name: str, used: pd.Series, features: dict[str, Feature]
) -> pd.DataFrame:
    absent = pd.Series(pd.unique(used[~used.isin(side[name])]), dtype=side[name].dtype)
    if len(absent):
        extra = pd.DataFrame({name: absent}).reindex(columns=side.columns)
        for feature, options in features.items():
            if options.several:
                extra[feature] = pd.Series([np.array([None], object)] * len(absent), dtype=object)
            else:
                nullable = _nullable(side[feature].dtype)
                side[feature] = side[feature].astype(nullable)
                extra[feature] = extra[feature].astype(nullable)
        side = pd.concat([side, extra], ignore_index=True)
    return side.sort_values(name, kind="stable", ignore_index=True)


def _nullable(dtype: Any) -> Any:
    if isinstance(dtype, np.dtype) and dtype.kind in "iu":
        return _NULLABLE[pa.from_numpy_dtype(dtype)]
    return dtype
