"""Raw tables as Polars frames of the types that the workflow is fitted on."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as cs

from features.schema import Feature
from features.times import in_seconds
from features.value_lookup import Lookup
from features.value_types import PolarsDataType, kind_of, of_one_value
from recipes.schema.recipe import Recipe
from runtime.features.words import words
from stages.artifacts import Raw
from stages.errors import ShortlistError

#: How ids are typed, and the values that a target is of.
_CATEGORY = Feature(kind="categorical")
_ID = "/id"  # no column has a slash in its name


@dataclass(frozen=True)
class Tables:
    """The raw tables of a recipe.

    ``interactions`` is not read yet. ``users`` and ``items`` hold every id once, sorted, those that
    only occur in interactions too (their features are null), and a column for each feature: of a list
    or a text a null is a list of one null; of what ``workflows.derived`` makes a number of, it is the
    seconds of a time, a struct of a target's values, and of a count nothing yet, as of what is combined.
    ``kinds``: what a raw categorical value is, by column: ``integer``, ``string``, ``float`` or ``boolean``.
    NaN is null everywhere.
    """

    interactions: pl.LazyFrame
    users: pl.DataFrame
    items: pl.DataFrame
    kinds: dict[str, str]

    def only(self, users: np.ndarray, items: np.ndarray) -> "Tables":
        """The users and items of these rows, ascending."""
        return replace(self, users=self.users[users], items=self.items[items])


def read_tables(recipe: Recipe, raw: Raw) -> Tables:
    """Read what ``sources`` checked and wrote: ids of the interactions, features of the rest.

    Raises ``ShortlistError`` for a column that the recipe names and a table lacks.
    """
    columns = recipe.columns
    used = [columns.user, columns.item, columns.timestamp, columns.label, columns.weight]
    _require_columns(raw.interactions, [name for name in used if name is not None])
    interactions = pl.scan_parquet(raw.interactions).with_columns(cs.float().fill_nan(None))
    kinds: dict[str, str] = {}
    sides = []
    for path, name, features, named in (
        (raw.users, columns.user, recipe.features.user, recipe.features.columns("user")),
        (raw.items, columns.item, recipe.features.item, recipe.features.columns("item")),
    ):
        read = list(dict.fromkeys([name, *named]))
        _require_columns(path, read)
        _require_file_names([*read, *features])
        raw_side = pl.read_parquet(path, columns=read)
        side = raw_side.select(
            _typed(raw_side[name], _CATEGORY),
            *(
                _typed(raw_side[feature.columns(column)[0]], feature).alias(column)
                for column, feature in features.items()
                if feature.kind not in ("count", "target", "combined")
            ),
        )
        for column, options in {name: _CATEGORY, **features}.items():
            if options.kind in ("categorical", "text"):
                kinds[column] = kind_of(side.schema[column])
        sides.append(_with_targets(_with_every_id(side, name, interactions), raw_side, features))
    _require_one_type(recipe, sides)
    return Tables(interactions, sides[0], sides[1], kinds)


def id_rows(table: pl.DataFrame, name: str) -> Lookup:
    """From ids to the rows of a users or items table, uint32."""
    return Lookup(table[name], dtype=np.uint32)


def _require_columns(path: Path, columns: list[str]) -> None:
    names = list(pl.read_parquet_schema(path))
    for column in columns:
        if column not in names:
            raise ShortlistError(
                f"{path} has no column '{column}', which the recipe names. It has: "
                f"{', '.join(names)}. Mend the recipe, or the source and prepare again."
            )


def _require_file_names(names: list[str]) -> None:
    for name in names:
        if "/" in name:
            raise ShortlistError(
                f"the name '{name}' has a slash in it, and what is counted of a column or a feature is a "
                "file of its name. Give it another in the recipe, and a column in its table too."
            )


def _require_one_type(recipe: Recipe, sides: list[pl.DataFrame]) -> None:
    """Of the features that share a vocabulary."""
    found: dict[str, tuple[str, PolarsDataType]] = {}
    for table, features in zip(sides, (recipe.features.user, recipe.features.item), strict=True):
        for name, feature in features.items():
            if feature.shared is None:
                continue
            dtype = of_one_value(table.schema[name])
            other, its = found.setdefault(feature.shared, (name, dtype))
            if dtype != its:
                raise ShortlistError(
                    f"'{other}' and '{name}' have shared = '{feature.shared}', so their values must be of "
                    f"one type, and they are {its} and {dtype}. Give both columns the same type in "
                    "the tables, or leave `shared` out."
                )


def _typed(column: pl.Series, feature: Feature) -> pl.Series:
    """Categories keep their type beside nulls; numbers to compute with are float64."""
    if feature.kind in ("numeric", "bucket"):
        return column.cast(pl.Float64).fill_nan(None)
    if feature.kind == "age":
        return in_seconds(column)
    if feature.kind == "text":
        texts = column.cast(pl.String).to_list()
        each = [None if text is None else words(text) for text in texts]
        return pl.Series(column.name, each, pl.List(pl.String))
    if isinstance(column.dtype, pl.List):
        inner = _category(column.dtype.inner)
        column = column.cast(pl.List(inner))
        if not inner.is_float():
            return column
        return column.to_frame().select(pl.all().list.eval(pl.element().fill_nan(None)))[
            column.name
        ]
    column = column.cast(_category(column.dtype))
    return column.fill_nan(None) if column.dtype == pl.Float64 else column


def _category(dtype: PolarsDataType) -> pl.DataType:
    if dtype.is_integer():
        return pl.UInt64() if dtype == pl.UInt64 else pl.Int64()
    if dtype.is_float():
        return pl.Float64()
    return pl.Boolean() if dtype == pl.Boolean else pl.String()


def _with_every_id(side: pl.DataFrame, name: str, interactions: pl.LazyFrame) -> pl.DataFrame:
    used = interactions.select(pl.col(name).cast(side.schema[name])).unique()
    absent = used.join(side.lazy().select(name), on=name, how="anti").collect(engine="streaming")
    whole = pl.concat([side, absent], how="diagonal").sort(name)
    return whole.with_columns(cs.list().fill_null([None]))


def _with_targets(
    side: pl.DataFrame, raw_side: pl.DataFrame, features: dict[str, Feature]
) -> pl.DataFrame:
    """The table, sorted by its first column, the id, with the values that targets are of."""
    targets = {name: each.columns(name) for name, each in features.items() if each.kind == "target"}
    if not targets:
        return side
    columns = dict.fromkeys(column for several in targets.values() for column in several)
    identity = side.columns[0]
    values = raw_side.select(
        _typed(raw_side[identity], _CATEGORY).alias(_ID),
        *(_typed(raw_side[column], _CATEGORY) for column in columns if column != identity),
    )
    ids = side.select(pl.col(identity).alias(_ID), identity)
    values = ids.join(values, on=_ID, how="left", maintain_order="left")
    return side.with_columns(
        values.select(pl.struct(several)).to_series().alias(name)
        for name, several in targets.items()
    )
