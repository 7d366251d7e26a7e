"""Read raw tables as Polars frames of the types that the workflow is fitted on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import polars.selectors as cs

from features.category import Category, categories
from features.kind import FeatureKind
from features.value_lookup import Lookup
from features.value_types import of_one_value, value_type
from recipes.schema.recipe import Recipe
from stages.artifacts import Raw
from stages.columns import RAW_ID, exactly, values_of
from stages.errors import ShortlistError

if TYPE_CHECKING:
    from features.value_types import PolarsDataType


@dataclass(frozen=True)
class Tables:
    """The raw tables of a recipe.

    ``interactions`` is lazy. ``users`` and ``items`` hold every id once, sorted, including ids that occur
    only in interactions (their features are null), and one column per feature, from
    ``FeatureKind.typed``; a null list or text is a list of one null. ``value_types``: the type of a raw
    categorical value, by column: ``integer``, ``string``, ``float`` or ``boolean``. NaN is null
    everywhere. ``user_has_row``, ``item_has_row``: bool [rows], whether the raw table has the id.
    """

    interactions: pl.LazyFrame
    users: pl.DataFrame
    items: pl.DataFrame
    value_types: dict[str, str]
    user_has_row: np.ndarray
    item_has_row: np.ndarray

    def only(self, users: np.ndarray, items: np.ndarray) -> "Tables":
        """Keep the users and items of these rows, ascending."""
        return replace(
            self,
            users=self.users[users],
            items=self.items[items],
            user_has_row=self.user_has_row[users],
            item_has_row=self.item_has_row[items],
        )


def read_tables(recipe: Recipe, raw: Raw) -> Tables:
    """Read what ``sources`` checked and wrote: ids of the interactions, features of users and items.

    Raises ``ShortlistError`` if a table lacks a column that the recipe names, or features that share a
    vocabulary differ in type.
    """
    columns = recipe.columns
    used = [columns.user, columns.item, columns.timestamp, columns.label, columns.weight]
    used += [] if recipe.events is None else [recipe.events.column]
    _require_columns(raw.interactions, [name for name in used if name is not None])
    interactions = pl.scan_parquet(raw.interactions).with_columns(cs.float().fill_nan(None))
    value_types: dict[str, str] = {}
    sides, have_rows = [], []
    for path, name, features, named in (
        (raw.users, columns.user, recipe.features.user, recipe.features.columns("user")),
        (raw.items, columns.item, recipe.features.item, recipe.features.columns("item")),
    ):
        read = list(dict.fromkeys([name, *named]))
        _require_columns(path, read)
        table = pl.scan_parquet(path).select(map(exactly, read)).collect()
        ids = categories(values_of(table, name)).alias(name)
        table, has_row = _with_every_id(table.with_columns(ids), name, interactions)
        have_rows.append(has_row)
        side = _typed(table, name, features)
        for column, feature in features.items():
            if isinstance(feature, Category) and column in side.columns:
                value_types[column] = value_type(side.schema[column])
        value_types[name] = value_type(side.schema[name])
        sides.append(side)
    _require_one_type(recipe, sides)
    return Tables(interactions, sides[0], sides[1], value_types, *have_rows)


def id_rows(table: pl.DataFrame, name: str) -> Lookup:
    """Map ids to rows of a users or items table, uint32."""
    return Lookup(table[name], dtype=np.uint32)


def _require_columns(path: Path, columns: list[str]) -> None:
    names = list(pl.read_parquet_schema(path))
    for column in columns:
        if column not in names:
            raise ShortlistError(
                f"expected the column '{column}', which the recipe names, in {path}, got: "
                f"{', '.join(names)}. Fix the recipe, or fix the source and prepare again."
            )


def _require_one_type(recipe: Recipe, sides: list[pl.DataFrame]) -> None:
    """Check that features which share a vocabulary have the same type."""
    found: dict[str, tuple[str, PolarsDataType]] = {}
    for table, features in zip(sides, (recipe.features.user, recipe.features.item), strict=True):
        for name, feature in features.items():
            group = feature.group if isinstance(feature, Category) else None
            if group is None:
                continue
            dtype = of_one_value(table.schema[name])
            other, its = found.setdefault(group, (name, dtype))
            if dtype != its:
                raise ShortlistError(
                    f"expected values of one type in '{other}' and '{name}', which have shared = "
                    f"'{group}', got {its} and {dtype}. Give both columns the same type in the "
                    "tables, or remove `shared`."
                )


def _with_every_id(
    table: pl.DataFrame, name: str, interactions: pl.LazyFrame
) -> tuple[pl.DataFrame, np.ndarray]:
    """Add the ids that occur in the interactions only; return, too, which ids are not such."""
    known = table.lazy().select(exactly(name).alias(RAW_ID))
    used = interactions.select(exactly(name).cast(table.schema[name]).alias(RAW_ID)).unique()
    absent = used.join(known, on=RAW_ID, how="anti").collect(engine="streaming")
    whole = pl.concat([table, absent[RAW_ID].alias(name).to_frame()], how="diagonal")
    order = values_of(whole, name).arg_sort()
    return whole[order], (order < len(table)).to_numpy()


def _typed(raw: pl.DataFrame, name: str, features: Mapping[str, FeatureKind]) -> pl.DataFrame:
    """Return the id ``name`` and the column of each feature that already has one."""
    typed = {column: feature.typed(column, raw) for column, feature in features.items()}
    columns = {name: raw[name]}
    columns |= {column: each for column, each in typed.items() if each is not None}
    return pl.DataFrame(columns).with_columns(cs.list().fill_null([None]))
