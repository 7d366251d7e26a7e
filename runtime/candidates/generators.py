"""The candidate generators beside the two-tower model."""

from collections.abc import Callable

import numpy as np

from .best import best
from .inner_products import inner_products

#: Array files: what each item leads to most strongly, [items, n], row -1 and weight 0 where there is less.
LINEAR_ROWS, LINEAR_WEIGHTS = "linear_rows.npy", "linear_weights.npy"
#: Factors of alternating least squares, float32 [items, dim], and what folds a user in, [dim, dim].
ALS_FACTORS, ALS_FOLDING = "als_factors.npy", "als_folding.npy"
#: Interactions of each item in the training part, float32 [items].
POPULARITY = "popularity.npy"

Array = Callable[[str], np.ndarray]


class Linear:
    """What a user's items lead to, by the linear item-item model: the sum of their weights.

    Brings no item that nothing leads to, so nothing for a user without a past.
    """

    arrays = (LINEAR_ROWS, LINEAR_WEIGHTS)

    def __init__(self, items: int, array: Array) -> None:
        self._items = items
        self._rows, self._weights = array(LINEAR_ROWS), array(LINEAR_WEIGHTS)

    def best(
        self, seen: np.ndarray, width: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows int64 and scores float32 of the ``width`` best at most, best first, ties by row.

        Args:
            seen: int64 [S], rows of the user's items.
            allowed: bool [items]; by default every item is.
        """
        scores = np.bincount(
            self._rows[seen].ravel() + 1,  # row -1 to the place before all
            weights=self._weights[seen].ravel(),
            minlength=self._items + 1,
        )[1:].astype(np.float32)
        found = scores > 0 if allowed is None else (scores > 0) & allowed
        return _best(np.flatnonzero(found), scores, width)


class AlternatingLeastSquares:
    """The inner product of an item's factors with those that a user's items ask for (als.py in
    models/item_models).

    Brings nothing for a user without a past.
    """

    arrays = (ALS_FACTORS, ALS_FOLDING)

    def __init__(self, items: int, array: Array) -> None:
        self._factors, self._folding = array(ALS_FACTORS), array(ALS_FOLDING)

    def best(
        self, seen: np.ndarray, width: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As ``Linear.best``."""
        if not len(seen):
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        scores = inner_products(self._factors, fold_in(self._factors, self._folding, seen))
        rows = np.arange(len(scores)) if allowed is None else np.flatnonzero(allowed)
        return _best(rows, scores, width)


def fold_in(factors: np.ndarray, folding: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The factors of a user, float32 [dim]: the least squares solution for these items.

    Args:
        factors: float32 [items, dim]; ``folding``: float32 [dim, dim], of all items alike.
        seen: int64 [S], rows of the user's items.
    """
    own = factors[seen].astype(np.float64)
    return np.linalg.solve(folding + own.T @ own, own.sum(axis=0)).astype(np.float32)


class Popularity:
    """What most users took, for a user without a past; another has better generators."""

    arrays = (POPULARITY,)

    def __init__(self, items: int, array: Array) -> None:
        self._counts = array(POPULARITY)
        self._order = np.lexsort((np.arange(items), -self._counts))

    def best(
        self, seen: np.ndarray, width: int, allowed: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """As ``Linear.best``."""
        if len(seen):
            return np.zeros(0, np.int64), np.zeros(0, np.float32)
        order = self._order if allowed is None else self._order[allowed[self._order]]
        rows = order[:width]
        return rows, self._counts[rows]


TWO_TOWER = "two-tower"
#: By their names in recipes. To add one: a class and a line.
GENERATORS: dict[str, type[Linear] | type[AlternatingLeastSquares] | type[Popularity]] = {
    "linear": Linear,
    "als": AlternatingLeastSquares,
    "popularity": Popularity,
}


def _best(rows: np.ndarray, scores: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Of some rows, ascending, the ``width`` of the highest scores, and those."""
    chosen = rows[best(scores[rows], width)]
    return chosen, scores[chosen]
