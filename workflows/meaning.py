"""What an interaction means: whether it counts, is a positive, shows that its item is seen, and its weight.

As Polars expressions on the raw interactions, for the preparation and the inspection.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from recipes.schema.recipe import Recipe
from stages.columns import exactly
from workflows.conditions import selected


@dataclass(frozen=True)
class Meaning:
    """``filtered``: whether the row meets ``interactions.filter``. The other fields are of such rows.

    ``positive`` and ``seen``: bool; ``seen`` is None if it is the same as ``positive``, and ``weight`` is
    None without ``columns.weight`` and ``events.weights``. A row with weight 0 does not count.
    """

    filtered: pl.Expr
    positive: pl.Expr
    seen: pl.Expr | None
    weight: pl.Expr | None

    @property
    def counts(self) -> pl.Expr:
        """Whether the row has a weight; below 0 it is refused later (``remarks.require_weights``)."""
        return pl.lit(True) if self.weight is None else self.weight != 0


def meaning(recipe: Recipe, schema: Mapping[str, pl.DataType]) -> Meaning:
    """Return what the recipe makes of interactions with this ``schema``.

    Raises ``ShortlistError`` if a condition does not fit.
    """
    interactions, events = recipe.interactions, recipe.events
    filtered, positive = pl.lit(True), pl.lit(True)
    if interactions.filter is not None:
        filtered = selected("interactions.filter", interactions.filter, schema)
    if interactions.positive is not None:
        positive = selected("interactions.positive", interactions.positive, schema)
    weight = None if recipe.columns.weight is None else exactly(recipe.columns.weight)
    if events is None:
        return Meaning(filtered, positive, None, weight)
    kind = kinds(events.column)
    if events.positives is not None:
        positive = kind.is_in(events.positives)
    seen = kind.is_in(events.seen) if events.sees_others and events.seen is not None else None
    if events.weights:
        weights = list(events.weights.values())
        weight = kind.replace_strict(
            list(events.weights), weights, default=None, return_dtype=pl.Float32
        )
    return Meaning(filtered, positive, seen, weight)


def kinds(column: str) -> pl.Expr:
    """The kinds in a column, as the recipe and recorded events spell them."""
    return exactly(column).cast(pl.String)


def rows_by_kind(interactions: pl.LazyFrame, recipe: Recipe) -> dict[str, int]:
    """How many raw interactions each kind has, most first; empty without ``[events]``."""
    if recipe.events is None:
        return {}
    counts = interactions.group_by(kind=kinds(recipe.events.column)).len(name="rows")
    ordered = counts.sort(["rows", "kind"], descending=[True, False])
    return dict(ordered.collect(engine="streaming").rows())
