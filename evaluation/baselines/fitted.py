"""The two forms that a fitted baseline takes: weights between items, and factors of users and items."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class ItemToItem:
    """A user's score of an item: the sum of the weights that lead from the user's items to it.

    ``history``: float32 [users, items], sparse. ``weights``: float32 [items, items], dense or sparse.
    """

    history: sparse.csr_matrix
    weights: np.ndarray | sparse.csr_matrix

    def scores(self, users: np.ndarray) -> np.ndarray:
        """float32 [n, items] of user rows [n]."""
        product = self.history[users] @ self.weights
        return product.toarray() if sparse.issparse(product) else np.asarray(product)


@dataclass(frozen=True)
class Factors:
    """A user's score of an item: the inner product of their factors.

    ``users``: float32 [users, dim]; ``items``: float32 [items, dim].
    """

    users: np.ndarray
    items: np.ndarray

    def scores(self, users: np.ndarray) -> np.ndarray:
        """float32 [n, items] of user rows [n]."""
        return np.asarray(self.users[users] @ self.items.T)
