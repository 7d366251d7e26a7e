"""A linear item-item model: weights from each item to the others.

A user's score of an item is the sum of the weights from the user's items to it. The closed form is EDLAE
(H. Steck, "Autoencoders that don't overfit towards the identity", NeurIPS 2020). A catalogue that is too
large for it, in time or memory, gets a filter on its graph (``models.item_models.graph_filter``, or, where
the recipe says so, ``models.item_models.chebyshev``), and one that is too large for that as well, only the
links of the graph (``models.item_models.neighbours``).
"""

import math

import numpy as np
from scipy import sparse

from models.item_models.chebyshev import polynomial_links
from models.item_models.graph_filter import filtered_links
from models.item_models.inversion import EDGE, invert
from models.item_models.neighbours import Neighbours, linked_items
from models.item_models.row_blocks import strongest_of_rows
from models.item_models.truncated_svd import OVERSAMPLING, truncated_svd
from models.item_models.user_items import weighted_pairs
from models.prepared import Interactions
from recipes.schema.item_models import Linear
from recipes.schema.training import Training
from stages.errors import ShortlistError

#: Bytes of a weight.
FLOAT32 = 4
#: The closed form takes a time that grows with the third power of the items: minutes at this many.
MOST_ITEMS = 25_000
#: Items whose common users with all others are counted at once, as a sparse matrix.
ITEMS_AT_ONCE = 512
#: The filter computes a weight for every pair of items, a few rows at a time: minutes at this many items.
MOST_FILTERED = 100_000


def strongest_weights(
    interactions: Interactions,
    users: int,
    items: int,
    count: int,
    options: Linear,
    training: Training,
) -> Neighbours:
    """Each item's ``count`` largest weights to other items, by absolute value.

    Raises:
        ShortlistError: the requested kind takes too long for so many items, or more than ``training.memory``.
    """
    chosen = _first_that_can(users, items, options, training)
    kind = options.kind if options.kind != "auto" else chosen
    if kind == "propagation":
        return linked_items(
            interactions,
            users,
            items,
            count,
            user_power=options.user_power,
            from_power=options.from_power,
            to_power=options.to_power,
            weighted=True,
        )
    if kind != "edlae" and items > MOST_FILTERED:
        raise ShortlistError(
            f"expected at most {MOST_FILTERED:,} items for linear.kind '{kind}', which computes a weight for "
            f"every pair of items, got {items:,}. Set linear.kind = '{chosen}' in the recipe."
        )
    needed = _bytes_needed(kind, users, items, options)
    if needed > training.memory_bytes:
        raise ShortlistError(
            f"expected training.memory of at least '{math.ceil(needed / 1e6)}MB' for linear.kind '{kind}', "
            f"{users:,} users and {items:,} items, got '{training.memory}'. Raise training.memory, or set "
            f"linear.kind = '{chosen}' in the recipe."
        )
    if kind == "graph-filter":
        return filtered_links(interactions, users, items, count, options)
    if kind == "chebyshev":
        return polynomial_links(interactions, users, items, count, options)
    weights = item_weights(interactions, users, items, options)
    return strongest_of_rows(items, count, lambda part: weights[part])


def _first_that_can(users: int, items: int, options: Linear, training: Training) -> str:
    for kind, most in (("edlae", MOST_ITEMS), ("graph-filter", MOST_FILTERED)):
        needed = _bytes_needed(kind, users, items, options)
        if items <= most and needed <= training.memory_bytes:
            return kind
    return "propagation"


def _bytes_needed(kind: str, users: int, items: int, options: Linear) -> int:
    """The memory of the largest matrices that exist at once, in bytes."""
    if kind == "edlae":
        return FLOAT32 * items * (items + 2 * EDGE)
    dim = options.ideal_width if kind == "chebyshev" else options.dim
    # The vectors of users and items, before and after they are made orthonormal.
    return 2 * FLOAT32 * (users + items) * (dim + OVERSAMPLING)


def item_weights(interactions: Interactions, users: int, items: int, options: Linear) -> np.ndarray:
    """Weights by EDLAE from an item (row) to another (column), 0 to itself: float32 [items, items]."""
    weights = _common_users(weighted_pairs(interactions, users, items))
    dropped = options.dropout / (1 - options.dropout)
    own = (1 + dropped) * weights.diagonal() + np.float32(options.penalty)
    weights[np.diag_indices(items)] = own
    # With ones on the diagonal, float32 suffices, however much items differ in popularity.
    scale = 1 / np.sqrt(own)
    weights *= scale
    weights *= scale[:, None]
    invert(weights)
    weights *= -1 / (scale * weights.diagonal())
    weights *= scale[:, None]
    weights[np.diag_indices(items)] = 0
    return weights


def _common_users(pairs: sparse.csr_matrix) -> np.ndarray:
    """The sums over users of the products of two items' columns, float32 [items, items]."""
    pairs = pairs.astype(np.float32)
    of_items = pairs.T.tocsr()
    sums = np.empty((pairs.shape[1],) * 2, np.float32)
    for start in range(0, len(sums), ITEMS_AT_ONCE):
        part = slice(start, start + ITEMS_AT_ONCE)
        (of_items[part] @ pairs).toarray(out=sums[part])
    return sums


def factors(weights: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Factors of the source and target items of ``weights``, float32 [items, dim] each.

    Their product is the best approximation of ``weights`` at this width.
    """
    left, spread, right = truncated_svd(weights, dim)
    root = np.sqrt(spread)
    return left * root, right * root
