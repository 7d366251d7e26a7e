"""The arrays that candidate generators and ranker features read, computed from visible interactions."""

import math

import numpy as np

from models.item_models import als
from models.item_models.linear import strongest_weights
from models.item_models.neighbours import item_neighbours
from models.item_models.transitions import followers
from models.prepared import Arrays, Interactions, PreparedData
from recipes.schema.recipe import Recipe
from runtime.candidates.generators import (
    ALS_FACTORS,
    ALS_FOLDING,
    GENERATORS,
    LINEAR_RECENCY,
    LINEAR_ROWS,
    LINEAR_WEIGHTS,
    POPULARITY,
    REPEAT_WEIGHTS,
    TRANSITION_RECENCY,
    TRANSITION_ROWS,
    TRANSITION_WEIGHTS,
    TWO_TOWER,
)
from runtime.candidates.ranker_features import (
    NEIGHBOUR_ROWS,
    NEIGHBOUR_SIMILARITIES,
    arrays_of,
)
from stages.progress import phase

#: How many nearest items are kept per item.
NEAREST = 200
#: Interactions older than so many half-lives all have the same weight.
HALF_LIVES = 10


def candidate_arrays(
    recipe: Recipe, data: PreparedData, visible: Interactions, known: Arrays | None = None
) -> Arrays:
    """The arrays that the recipe's candidate generators and ranker features read, by file name.

    ``known``: arrays that are computed already, of the same settings and interactions.
    """
    wanted = set(arrays_of(recipe.ranker_features))
    for name in recipe.serving.generators:
        wanted |= set(GENERATORS[name].arrays) if name != TWO_TOWER else set()
    arrays = {name: array for name, array in (known or {}).items() if name in wanted}
    wanted -= arrays.keys()
    if POPULARITY in wanted:
        counts = np.bincount(visible.items, minlength=data.item_count)
        arrays[POPULARITY] = counts.astype(np.float32)
    users, items = data.user_count, data.item_count
    if LINEAR_ROWS in wanted:
        with phase("linear item-item model"):
            kept = recipe.linear.neighbours
            led_to = strongest_weights(visible, users, items, kept, recipe.linear, recipe.training)
        arrays |= {LINEAR_ROWS: led_to.rows.astype(np.int32), LINEAR_WEIGHTS: led_to.weights}
        arrays[LINEAR_RECENCY] = recency(recipe.linear.half_life)
    if TRANSITION_ROWS in wanted:
        with phase("transitions"):
            kept = recipe.transitions.neighbours
            led_to = followers(visible, users, items, kept, recipe.transitions)
        arrays[TRANSITION_ROWS] = led_to.rows.astype(np.int32)
        arrays[TRANSITION_WEIGHTS] = led_to.weights
        arrays[TRANSITION_RECENCY] = recency(recipe.transitions.half_life)
    if ALS_FACTORS in wanted:
        with phase("alternating least squares"):
            _, factors = als.factors(visible, users, items, recipe.retriever.seed, recipe.als)
        arrays |= {ALS_FACTORS: factors, ALS_FOLDING: als.folding(factors, recipe.als)}
    if NEIGHBOUR_ROWS in wanted:
        with phase("similar items"):
            near = item_neighbours(visible, users, items, NEAREST)
        arrays[NEIGHBOUR_ROWS] = near.rows.astype(np.int32)
        arrays[NEIGHBOUR_SIMILARITIES] = near.weights
    if REPEAT_WEIGHTS in wanted:
        arrays[REPEAT_WEIGHTS] = recency(recipe.repeat.half_life)
    return arrays


def recency(half_life: float | None) -> np.ndarray:
    """Weights of the latest interaction, the one before it, and so on, float32 [n]; see ``recency_weights``.

    Without a half-life all have the weight 1.
    """
    if half_life is None:
        return np.ones(1, np.float32)
    later = np.arange(1 + math.ceil(HALF_LIVES * half_life))
    return (0.5 ** (later / half_life)).astype(np.float32)
