"""The two forms of a fitted baseline: weights between items, and factors of users and items."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class ItemToItem:
    """Scores an item with the sum of the weights from the user's items to it.

    ``history``: float32 [users, items], sparse: what each item of a user counts. ``weights``: float32 [items,
    items], dense or sparse.
    """

    history: sparse.csr_matrix
    weights: np.ndarray | sparse.csr_matrix

    def scores(self, users: np.ndarray) -> np.ndarray | sparse.csr_matrix:
        """Return float32 [n, items] for user rows [n]; sparse if the weights are."""
        product = self.history[users] @ self.weights
        return product if sparse.issparse(product) else np.asarray(product)


@dataclass(frozen=True)
class Factors:
    """Scores an item with the inner product of the user's and the item's factors.

    ``users``: float32 [users, dim]; ``items``: float32 [items, dim].
    """

    users: np.ndarray
    items: np.ndarray

    def scores(self, users: np.ndarray) -> np.ndarray:
        """Return float32 [n, items] for user rows [n]."""
        return np.asarray(self.users[users] @ self.items.T)
