"""A linear item-item model: what follows from each item that a user took.

A user's score of an item is the sum of the weights from the user's items to it. In closed form by EDLAE
(H. Steck, "Autoencoders that don't overfit towards the identity", NeurIPS 2020); of a catalogue too
large for that, by a filter on its graph (``models.item_models.graph_filter``); of one too large for that
too, by the links of that graph alone (``models.item_models.neighbours``).
"""

import numpy as np
from scipy import linalg, sparse

from models.item_models.graph_filter import filtered_links
from models.item_models.neighbours import Neighbours, linked_items, strongest
from models.item_models.user_items import user_items
from models.prepared import Interactions
from recipes.schema.item_models import Linear
from stages.errors import ShortlistError

#: The closed form inverts a dense matrix of items by items: 3.2 GB in double precision at this many.
MOST_ITEMS = 20_000
#: The filter multiplies such a matrix out, a few rows at a time: minutes at this many.
MOST_FILTERED = 100_000


def strongest_weights(
    interactions: Interactions, users: int, items: int, count: int, options: Linear
) -> Neighbours:
    """What each item leads to, its ``count`` largest weights by absolute value.

    Raises:
        ShortlistError: there are too many items for the kind that is asked for.
    """
    kind = options.kind if options.kind != "auto" else _first_that_can(items)
    if kind == "propagation":
        return linked_items(
            interactions,
            users,
            items,
            count,
            user_power=options.user_power,
            from_power=options.from_power,
            to_power=options.to_power,
        )
    most = MOST_ITEMS if kind == "edlae" else MOST_FILTERED
    if items > most:
        raise ShortlistError(
            f"linear.kind '{kind}' computes a weight from every item to every other, for {most:,} items at "
            f"most, and there are {items:,}. Set linear.kind = '{_first_that_can(items)}' in the recipe."
        )
    if kind == "graph-filter":
        return filtered_links(interactions, users, items, count, options)
    return strongest(item_weights(interactions, users, items, options), count)


def _first_that_can(items: int) -> str:
    if items <= MOST_ITEMS:
        return "edlae"
    return "graph-filter" if items <= MOST_FILTERED else "propagation"


def item_weights(interactions: Interactions, users: int, items: int, options: Linear) -> np.ndarray:
    """float32 [items, items], by EDLAE: the weight from an item (row) to another (column); 0 to itself."""
    pairs = user_items(interactions, users, items).astype(np.float64)
    gram = (pairs.T @ pairs).toarray()
    counts = gram.diagonal().copy()
    dropped = options.dropout / (1 - options.dropout)
    gram[np.diag_indices(items)] += dropped * counts + options.penalty
    inverse = linalg.inv(gram, overwrite_a=True, check_finite=False)
    weights = -inverse / inverse.diagonal()
    weights[np.diag_indices(items)] = 0
    return weights.astype(np.float32)


def factors(weights: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Two float32 [items, dim] whose product is nearest to ``weights``: of the item that leads, and of the
    one that it leads to."""
    dim = min(dim, len(weights) - 1)
    left, spread, right = sparse.linalg.svds(
        weights.astype(np.float64), k=dim, v0=np.ones(len(weights)), solver="arpack"
    )
    root = np.sqrt(spread)
    return (left * root).astype(np.float32), (right.T * root).astype(np.float32)
