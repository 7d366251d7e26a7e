"""What is odd about the data but can be prepared: ``prepare`` logs it, ``inspect`` shows it with more.

Each line has the number and what follows from it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import polars as pl

from features.kind import Side
from features.kinds.text import Text
from recipes.schema.events import listed_kinds
from recipes.schema.recipe import Recipe
from runtime.did_you_mean import did_you_mean
from sources.tables import TableName
from stages.columns import exactly
from stages.errors import ShortlistError

#: A column of at least as many rows, each with a value of its own, is one more id.
_ENOUGH_FOR_AN_ID = 101


class ColumnCounts(Protocol):
    """Rows, null rows and distinct values of a users or items column, and its key in the recipe."""

    @property
    def table(self) -> TableName: ...
    @property
    def name(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def is_number(self) -> bool: ...
    @property
    def rows(self) -> int: ...
    @property
    def nulls(self) -> int: ...
    @property
    def distinct(self) -> int: ...


@dataclass(frozen=True)
class Counts:
    """``ColumnCounts`` of a column that only ``of_columns`` judges."""

    table: TableName
    name: str
    key: str
    is_number: bool
    rows: int
    nulls: int
    distinct: int


@dataclass(frozen=True)
class Ids:
    """How the ids of a users or items table match those of the interactions that count."""

    side: Side
    #: Rows of the table, and those without an interaction.
    rows: int
    without_interactions: int
    #: Ids with interactions, and those without a row.
    used: int
    without_row: int


def of_ids(recipe: Recipe, ids: Ids) -> Iterator[str]:
    """Yield users or items that lack a row, and rows that lack an interaction."""
    name = f"{ids.side}s"
    features = recipe.features.of_side(ids.side)
    if ids.without_row:
        missing = "their features are null" if features else "nothing is known but their ids"
        yield (
            f"{ids.without_row:,} of the {ids.used:,} {name} with interactions "
            f"{_have(ids.without_row)} no row in the {name} table: {missing}. Add their rows, or drop "
            "their interactions."
        )
    if ids.without_interactions:
        known = (
            "models know them by their features alone"
            if features
            else "models cannot tell them apart"
        )
        yield (
            f"{ids.without_interactions:,} of the {ids.rows:,} {name} in their table "
            f"{_have(ids.without_interactions)} no interaction that counts: {known}."
        )


def _have(number: int) -> str:
    return "has" if number == 1 else "have"


def of_interactions(recipe: Recipe, frame: pl.DataFrame) -> Iterator[str]:
    """Yield what is odd about the interactions that count.

    ``frame``: ``user``, ``item`` and, if the recipe names them, ``time``, ``label``, ``weight`` and (by a
    condition) ``positive``.
    """
    rows, columns, interactions = len(frame), recipe.columns, recipe.interactions
    if interactions.repeats and columns.timestamp is not None:  # else they may be true repeats
        named = [
            name for name in ("user", "item", "time", "label", "weight") if name in frame.columns
        ]
        # hashes of 64 bits: a fifth of the time of comparing the rows
        if copies := rows - frame.select(named).hash_rows().n_unique():
            yield (
                f"{copies:,} of the {rows:,} interactions are exact copies of others: "
                "interactions.repeats counts each of them. If they were written twice, remove them."
            )
    if columns.weight is not None:
        weights = frame["weight"]
        if weights.min() == weights.max():
            yield (
                f"Column '{columns.weight}' (columns.weight) is {weights[0]:g} in all {rows:,} "
                "interactions that count: it changes nothing. Leave it out."
            )
    condition = recipe.positive
    if condition is not None and not _learns_positives(recipe) and frame["positive"].all():
        yield (
            f"{recipe.positive_key} `{condition}` holds for all of the {rows:,} interactions that "
            "count: it changes nothing. Leave it out, or tighten it."
        )


def of_kinds(recipe: Recipe, rows: Mapping[str, int]) -> Iterator[str]:
    """Yield kinds that ``[events]`` names and no interaction has; ``rows``: of the raw table, by kind."""
    if recipe.events is None:
        return
    for kind in recipe.events.named:
        if kind not in rows:
            yield (
                f"Kind '{kind}', which [events] names, is not in column '{recipe.events.column}', whose "
                f"kinds are {listed_kinds(rows)}{did_you_mean(kind, rows)}."
            )


def one_outcome(recipe: Recipe, frame: pl.DataFrame) -> Iterator[str]:
    """Yield reasons why nothing can be learnt from the outcomes (see ``of_interactions``)."""
    rows, label, condition = len(frame), recipe.columns.label, recipe.positive
    if label is not None and frame["label"].min() == frame["label"].max():
        yield (
            f"expected at least two labels in column '{label}' (columns.label), got "
            f"{frame['label'][0]:g} in all of the {rows:,} interactions that count. Remove "
            "columns.label from the recipe, or loosen interactions.filter."
        )
    if condition is None:
        return
    positives = int(frame["positive"].sum())
    if positives == 0 or (positives == rows and _learns_positives(recipe)):
        found, which = ("negatives", "none") if positives == 0 else ("positives", "all")
        yield (
            f"expected positives and negatives, got only {found}: {recipe.positive_key} "
            f"`{condition}` holds for {which} of the {rows:,} interactions that count. Change the "
            "condition, or loosen interactions.filter."
        )


def _learns_positives(recipe: Recipe) -> bool:
    return recipe.ranks and recipe.ranker.target == "positives"


def require_weights(recipe: Recipe, weights: pl.Series) -> None:
    """Refuse weights that no loss can be weighted by; ``weights``: of the interactions that count."""
    if reason := unfit_weights(recipe, weights):
        raise ShortlistError(reason)


def unfit_weights(recipe: Recipe, weights: pl.Series) -> str:
    """Return why training cannot use these weights, or an empty string."""
    where = f"column '{recipe.columns.weight}' (columns.weight)"
    if negative := int((weights < 0).sum()):
        least = np.min(weights.to_numpy())
        return (
            f"expected weights of 0 or more in {where}, got {least:g} and {negative:,} below 0 among the "
            f"{len(weights):,} interactions that count: models would learn the opposite of these. Fix "
            "them, or drop them by interactions.filter."
        )
    return ""


def of_columns(recipe: Recipe, columns: Iterable[ColumnCounts]) -> Iterator[str]:
    """Yield columns that models learn nothing from, or nothing that holds for new users and items."""
    for column in columns:
        where = f"Column '{column.name}' ({column.key})"
        if column.nulls == column.rows:
            yield f"{where} has no values: models learn nothing from it. Leave it out."
        elif column.key.startswith("features.") and column.distinct == 1 and not column.nulls:
            yield f"{where} has one value in all rows: models learn nothing from it. Leave it out."
        elif column.key.startswith("features.") and _is_an_id(recipe, column):
            yield (
                f"{where} has a different value in each of the {column.rows:,} {column.table}: it "
                "is one more id, and says nothing about new ones. Leave it out."
            )


def _is_an_id(recipe: Recipe, column: ColumnCounts) -> bool:
    feature = recipe.features.both.get(column.key.split(".", 2)[2])
    if column.is_number or isinstance(feature, Text):
        return False
    return column.distinct == column.rows >= _ENOUGH_FOR_AN_ID


def feature_columns(recipe: Recipe, side: Side, path: Path) -> Iterator[Counts]:
    """Count the columns of a raw users or items table that features read."""
    scan, table = pl.scan_parquet(path), recipe.features.of_side(side)
    types = scan.collect_schema()
    identity = getattr(recipe.columns, side)
    named = {name: key for name, key in recipe.features.columns(side).items() if name != identity}
    asked = [pl.len().alias("rows")]
    for place, (name, key) in enumerate(named.items()):
        value, is_number = exactly(name), table[key].compares_as_number
        if is_number and types[name].is_float():
            value = value.fill_nan(None)
        single = value.explode() if isinstance(types[name], pl.List) else value
        asked += [
            value.null_count().alias(f"nulls {place}"),
            single.drop_nulls().n_unique().alias(f"distinct {place}"),
        ]
    found = scan.select(asked).collect(engine="streaming").row(0, named=True)
    for place, (name, key) in enumerate(named.items()):
        yield Counts(
            table="users" if side == "user" else "items",
            name=name,
            key=f"features.{side}.{key}",
            is_number=table[key].compares_as_number,
            rows=found["rows"],
            nulls=found[f"nulls {place}"],
            distinct=found[f"distinct {place}"],
        )
