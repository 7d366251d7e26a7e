"""Repeat consumption: how much of the test part users already had, and what to set for it."""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from recipes.resolution.resolve import is_written
from recipes.schema.recipe import Recipe
from runtime.candidates.exclusion import ALL
from runtime.candidates.generators import REPEAT
from stages.columns import TEST

#: From this share on, a recipe should let users have an item again.
MANY = 0.1
#: Rows that are compared at once.
_ROWS_AT_ONCE = 1 << 23


@dataclass(frozen=True)
class Repeats:
    """``rows`` of the ``of_rows`` positives in the test part are of pairs that training has too."""

    rows: int
    of_rows: int

    @property
    def share(self) -> float:
        return self.rows / self.of_rows if self.of_rows else 0.0

    def __str__(self) -> str:
        return f"{self.rows:,} of {self.of_rows:,} ({self.share:.1%})"


def count_repeats(rows: pl.DataFrame) -> Repeats:
    """Count the positives of the test part whose (user, item) pair is among those of train and valid.

    Args:
        rows: the ``user``, ``item`` and ``part`` of the positives, every interaction of a pair among them.
    """
    # Users' pairs are independent of each other: a share of the users at a time saves memory.
    shares = len(rows) // _ROWS_AT_ONCE + 1
    share = pl.col("user").to_physical().cast(pl.Int64) % shares
    repeated = 0
    for number in range(shares):
        pairs = (
            rows.lazy()
            .filter(share == number)
            .select("user", "item", tested=pl.col("part") == TEST)
        )
        seen = pairs.filter(~pl.col("tested"))
        again = pairs.filter("tested").join(seen, on=["user", "item"], how="semi")
        repeated += int(again.select(pl.len()).collect().item())
    return Repeats(repeated, int((rows["part"] == TEST).sum()))


def advice(recipe: Recipe, share: float) -> str | None:
    """The settings to change if this share of the positives are repeats; None if there are none."""
    wanted = list(_settings(recipe)) if share >= MANY else []
    if not wanted:
        return None
    return f"To recommend what users already had, set {'; '.join(wanted)}."


def _settings(recipe: Recipe) -> Iterator[str]:
    generators, features = recipe.serving.generators, recipe.ranker_features
    if not recipe.interactions.repeats:
        yield "interactions.repeats = true"
    if recipe.serving.exclude == ALL:
        yield "serving.exclude = []"
    by_rule = recipe.ranks_candidates and not is_written(recipe, "serving.generators")
    if recipe.retrieves and REPEAT not in generators and not by_rule:
        names = ", ".join(f'"{name}"' for name in (*generators, REPEAT))
        yield f"serving.generators = [{names}]"
    if features and "features" in recipe.ranker.changed and REPEAT not in features:
        yield f"ranker.features with '{REPEAT}' and '{REPEAT}_zscore'"
