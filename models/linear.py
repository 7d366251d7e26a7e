"""A linear item-item model in closed form: what follows from each item that a user took.

EDLAE: H. Steck, "Autoencoders that don't overfit towards the identity", NeurIPS 2020. A user's score of
an item is the sum of the weights from the user's items to it.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg, sparse

from models.prepared import Interactions
from models.user_items import user_items

#: The closed form inverts a dense matrix of items by items: 3.2 GB in double precision at this many.
MOST_ITEMS = 20_000
#: Share of a user's items that is thought to be dropped, and the L2 penalty. Both chosen on a split inside
#: the training part of MovieLens-100K.
DROPOUT, PENALTY = 0.5, 200.0


@dataclass(frozen=True)
class Neighbours:
    """What each item leads to: ``rows`` int64 and ``weights`` float32, both [items, count]; -1 and 0 where
    there are fewer."""

    rows: np.ndarray
    weights: np.ndarray


def item_weights(
    interactions: Interactions,
    users: int,
    items: int,
    *,
    dropout: float = DROPOUT,
    penalty: float = PENALTY,
) -> np.ndarray:
    """float32 [items, items]: the weight from an item (row) to another (column); 0 to itself."""
    pairs = user_items(interactions, users, items).astype(np.float64)
    gram = (pairs.T @ pairs).toarray()
    counts = gram.diagonal().copy()
    gram[np.diag_indices(items)] += dropout / (1 - dropout) * counts + penalty
    inverse = linalg.inv(gram, overwrite_a=True, check_finite=False)
    weights = -inverse / inverse.diagonal()
    weights[np.diag_indices(items)] = 0
    return weights.astype(np.float32)


def strongest(weights: np.ndarray, count: int) -> Neighbours:
    """The ``count`` largest weights, by absolute value, from each item."""
    count = min(count, len(weights))
    rows = np.argpartition(-np.abs(weights), count - 1, axis=1)[:, :count]
    rows.sort(axis=1)
    return Neighbours(rows.astype(np.int64), np.take_along_axis(weights, rows, axis=1))


def factors(weights: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Two float32 [items, dim] whose product is nearest to ``weights``: of the item that leads, and of the
    one that it leads to."""
    dim = min(dim, len(weights) - 1)
    left, spread, right = sparse.linalg.svds(
        weights.astype(np.float64), k=dim, v0=np.ones(len(weights)), solver="arpack"
    )
    root = np.sqrt(spread)
    return (left * root).astype(np.float32), (right.T * root).astype(np.float32)
