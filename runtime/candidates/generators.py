"""The candidate generators other than the two-tower model."""

from collections.abc import Callable

import numpy as np

from .best import best
from .inner_products import inner_products

#: Array files: each item's largest weights and the items they lead to, [items, n]; row -1 and weight 0 pad.
LINEAR_ROWS, LINEAR_WEIGHTS = "linear_rows.npy", "linear_weights.npy"
TRANSITION_ROWS, TRANSITION_WEIGHTS = "transition_rows.npy", "transition_weights.npy"
#: Factors of alternating least squares, float32 [items, dim], and the matrix to fold a user in, [dim, dim].
ALS_FACTORS, ALS_FOLDING = "als_factors.npy", "als_folding.npy"
#: Number of interactions of each item in the training part, float32 [items].
POPULARITY = "popularity.npy"
#: Weights of a user's interactions, float32 [n]: the latest, the one before it, and so on. All before the
#: n latest have the last weight.
REPEAT_WEIGHTS = "repeat_weights.npy"
LINEAR_RECENCY, TRANSITION_RECENCY = "linear_recency.npy", "transition_recency.npy"

Array = Callable[[str], np.ndarray]


class _ItemToItem:
    """An item's score is the sum of the weights from the user's items, each times its recency.

    Returns only items with a positive score, so none for a user without a history.
    """

    #: Whether it reads the newest interactions with their repeats, instead of each item once.
    reads_repeats = False
    #: Rows, weights, and weights by recency.
    arrays: tuple[str, str, str]

    def __init__(self, items: int, array: Array) -> None:
        self._items = items
        self._rows, self._weights, self._recency = map(array, self.arrays)

    def best(
        self, seen: np.ndarray, width: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows int64 and scores float32 of at most the ``width`` best, best first, ties by row.

        Args:
            seen: int64 [S], rows of the user's items, oldest first.
            allowed: bool [items]; by default every item is allowed.
        """
        scores = np.bincount(
            self._rows[seen].ravel() + 1,  # row -1 gets position 0, which is dropped
            weights=recent(self._weights[seen], self._recency).ravel(),
            minlength=self._items + 1,
        )[1:].astype(np.float32)
        found = scores > 0 if allowed is None else (scores > 0) & allowed
        return _best(np.flatnonzero(found), scores, width)


class Linear(_ItemToItem):
    """The linear item-item model (``models.item_models.linear``)."""

    arrays = (LINEAR_ROWS, LINEAR_WEIGHTS, LINEAR_RECENCY)


class Transitions(_ItemToItem):
    """What users took soon after the user's latest items (``models.item_models.transitions``)."""

    arrays = (TRANSITION_ROWS, TRANSITION_WEIGHTS, TRANSITION_RECENCY)


class AlternatingLeastSquares:
    """Alternating least squares: inner products of item factors with the user's, folded in.

    Fitted by models/item_models/als.py. Returns no item for a user without a history.
    """

    reads_repeats = False
    arrays = (ALS_FACTORS, ALS_FOLDING)

    def __init__(self, items: int, array: Array) -> None:
        self._factors, self._folding = array(ALS_FACTORS), array(ALS_FOLDING)

    def best(
        self, seen: np.ndarray, width: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """See ``_ItemToItem.best``."""
        if not len(seen):
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        scores = inner_products(self._factors, fold_in(self._factors, self._folding, seen))
        rows = np.arange(len(scores)) if allowed is None else np.flatnonzero(allowed)
        return _best(rows, scores, width)


def fold_in(factors: np.ndarray, folding: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The factors of a user, float32 [dim]: the least squares solution for the user's items.

    Args:
        factors: float32 [items, dim]; ``folding``: float32 [dim, dim], the same for every user.
        seen: int64 [S], rows of the user's items.
    """
    own = factors[seen].astype(np.float64)
    return np.linalg.solve(folding + own.T @ own, own.sum(axis=0)).astype(np.float32)


class Popularity:
    """The most popular items for a user without a history; other users have better generators."""

    reads_repeats = False
    arrays = (POPULARITY,)

    def __init__(self, items: int, array: Array) -> None:
        self._counts = array(POPULARITY)
        self._order = np.lexsort((np.arange(items), -self._counts))

    def best(
        self, seen: np.ndarray, width: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """See ``_ItemToItem.best``."""
        if len(seen):
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        order = self._order if allowed is None else self._order[allowed[self._order]]
        rows = order[:width]
        return rows, self._counts[rows]


class Repeat:
    """The user's own items: an item's score is the sum of the weights of its interactions.

    The weights fall with the number of later interactions, so an item scores high if the user had it
    often and recently: time-decayed personal frequency (Hu et al., "Modeling personalized item frequency
    information for next-basket recommendation", SIGIR 2020).
    """

    reads_repeats = True
    arrays = (REPEAT_WEIGHTS,)

    def __init__(self, items: int, array: Array) -> None:
        self._weights = array(REPEAT_WEIGHTS)

    def best(
        self, seen: np.ndarray, width: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """See ``_ItemToItem.best``."""
        rows, place = np.unique(seen, return_inverse=True)
        weights = recency_weights(len(seen), self._weights)
        scores = np.bincount(place, weights, len(rows)).astype(np.float32)
        if allowed is not None:
            rows, scores = rows[allowed[rows]], scores[allowed[rows]]
        chosen = best(scores, width)
        return rows[chosen], scores[chosen]


def recency_weights(interactions: int, weights: np.ndarray) -> np.ndarray:
    """The weight of each of a user's interactions, oldest first; ``weights`` as ``REPEAT_WEIGHTS``."""
    later = np.arange(interactions)[::-1]
    return weights[np.minimum(later, len(weights) - 1)]


def recent(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Values [S, n] of a user's items, oldest first, each times its recency; ``weights`` as above."""
    if len(weights) == 1:
        return values
    return values * recency_weights(len(values), weights)[:, None]


TWO_TOWER, REPEAT = "two-tower", "repeat"
#: Generators by their names in recipes. To add one, add a class and a line here.
GENERATORS: dict[
    str,
    type[Linear]
    | type[Transitions]
    | type[AlternatingLeastSquares]
    | type[Popularity]
    | type[Repeat],
] = {
    "linear": Linear,
    "transitions": Transitions,
    "als": AlternatingLeastSquares,
    "popularity": Popularity,
    REPEAT: Repeat,
}


def _best(rows: np.ndarray, scores: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """The ``width`` of ``rows`` (ascending) with the highest scores, and these scores."""
    chosen = rows[best(scores[rows], width)]
    return chosen, scores[chosen]
