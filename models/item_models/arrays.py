"""The arrays that candidate sources and the ranker's numbers read, out of what may be seen."""

import numpy as np

from models.item_models import als
from models.item_models.linear import strongest_weights
from models.item_models.neighbours import item_neighbours
from models.prepared import Arrays, Interactions, PreparedData
from recipes.schema.recipe import Recipe
from runtime.candidates.generators import (
    ALS_FACTORS,
    ALS_FOLDING,
    LINEAR_ROWS,
    LINEAR_WEIGHTS,
    POPULARITY,
    SOURCES,
    TWO_TOWER,
)
from runtime.operators.ranker_features import arrays_of

#: How many of the items that are nearest to an item are kept.
NEAREST = 200


def number_arrays(recipe: Recipe, data: PreparedData, visible: Interactions) -> Arrays:
    """By file name, those that the recipe's sources and ranker read."""
    wanted = set(arrays_of(recipe.ranker.numbers)) if _reads_numbers(recipe) else set[str]()
    for name in recipe.serving.sources:
        wanted |= set(SOURCES[name].arrays) if name != TWO_TOWER else set()
    arrays: Arrays = {}
    if POPULARITY in wanted:
        counts = np.bincount(visible.items, minlength=data.item_count)
        arrays[POPULARITY] = counts.astype(np.float32)
    users, items = data.user_count, data.item_count
    if LINEAR_ROWS in wanted:
        led_to = strongest_weights(visible, users, items, recipe.linear.neighbours, recipe.linear)
        arrays |= {LINEAR_ROWS: led_to.rows.astype(np.int32), LINEAR_WEIGHTS: led_to.weights}
    if ALS_FACTORS in wanted:
        _, factors = als.factors(visible, users, items, recipe.retriever.seed, recipe.als)
        arrays |= {ALS_FACTORS: factors, ALS_FOLDING: als.folding(factors, recipe.als)}
    if "neighbour_rows.npy" in wanted:
        near = item_neighbours(visible, users, items, NEAREST)
        arrays["neighbour_rows.npy"] = near.rows.astype(np.int32)
        arrays["neighbour_similarities.npy"] = near.weights
    return arrays


def _reads_numbers(recipe: Recipe) -> bool:
    return recipe.ranker.kind != "none" and recipe.ranker.target == "candidates"
