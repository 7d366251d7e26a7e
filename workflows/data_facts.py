"""The facts of the prepared data that decide what a recipe does not say (``recipes.resolution``)."""

import numpy as np
import polars as pl

from recipes.resolution.facts import Facts
from recipes.schema.recipe import Recipe
from stages.columns import PART, POSITIVE, TEST, VALID


def facts_of(recipe: Recipe, rows: pl.DataFrame) -> Facts:
    """The facts of the interactions that count, with their ``PART`` (``workflows.selection``)."""
    training = rows.filter(pl.col(POSITIVE) & (pl.col(PART) != TEST))
    per_user = np.bincount(training[recipe.columns.user].to_numpy())
    per_item = np.bincount(training[recipe.columns.item].to_numpy())
    return Facts(
        interactions=len(training),
        users=int(np.count_nonzero(per_user)),
        items=int(np.count_nonzero(per_item)),
        median_per_user=float(np.median(per_user[per_user > 0])),
        held_out=int((training[PART] == VALID).sum()),
    )
