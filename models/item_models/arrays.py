"""The arrays that candidate generators and ranker features read, computed from visible interactions."""

import math

import numpy as np

from models.item_models import als
from models.item_models.linear import strongest_weights
from models.item_models.neighbours import item_neighbours
from models.prepared import Arrays, Interactions, PreparedData
from recipes.schema.recipe import Recipe
from runtime.candidates.generators import (
    ALS_FACTORS,
    ALS_FOLDING,
    GENERATORS,
    LINEAR_ROWS,
    LINEAR_WEIGHTS,
    POPULARITY,
    REPEAT_WEIGHTS,
    TWO_TOWER,
)
from runtime.candidates.ranker_features import (
    NEIGHBOUR_ROWS,
    NEIGHBOUR_SIMILARITIES,
    arrays_of,
)

#: How many nearest items are kept per item.
NEAREST = 200
#: Interactions older than so many half-lives all have the same weight in the user's own items.
HALF_LIVES = 10


def candidate_arrays(recipe: Recipe, data: PreparedData, visible: Interactions) -> Arrays:
    """The arrays that the recipe's candidate generators and ranker features read, by file name."""
    wanted = set(arrays_of(recipe.ranker_features))
    for name in recipe.serving.generators:
        wanted |= set(GENERATORS[name].arrays) if name != TWO_TOWER else set()
    arrays: Arrays = {}
    if POPULARITY in wanted:
        counts = np.bincount(visible.items, minlength=data.item_count)
        arrays[POPULARITY] = counts.astype(np.float32)
    users, items = data.user_count, data.item_count
    if LINEAR_ROWS in wanted:
        led_to = strongest_weights(
            visible, users, items, recipe.linear.neighbours, recipe.linear, recipe.training
        )
        arrays |= {LINEAR_ROWS: led_to.rows.astype(np.int32), LINEAR_WEIGHTS: led_to.weights}
    if ALS_FACTORS in wanted:
        _, factors = als.factors(visible, users, items, recipe.retriever.seed, recipe.als)
        arrays |= {ALS_FACTORS: factors, ALS_FOLDING: als.folding(factors, recipe.als)}
    if NEIGHBOUR_ROWS in wanted:
        near = item_neighbours(visible, users, items, NEAREST)
        arrays[NEIGHBOUR_ROWS] = near.rows.astype(np.int32)
        arrays[NEIGHBOUR_SIMILARITIES] = near.weights
    if REPEAT_WEIGHTS in wanted:
        later = np.arange(1 + math.ceil(HALF_LIVES * recipe.repeat.half_life))
        arrays[REPEAT_WEIGHTS] = (0.5 ** (later / recipe.repeat.half_life)).astype(np.float32)
    return arrays
