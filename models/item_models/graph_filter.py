"""The linear item-item model for a catalogue that is too large for a closed form: a filter on its graph.

Two items are close if they have users in common. Let R be the user-item matrix with each entry divided by the
square roots of its user's number of items and its item's number of users. R'R has eigenvalues from 0 to 1:
those near 1 are broad tastes, small ones are what few items have in common. Broad tastes recommend what
everybody likes, so they are damped: each eigenvalue x becomes (x + low_pass) * exp(-sharpening * x), as in
J. Choi et al., "Blurring-sharpening process models for collaborative filtering", SIGIR 2023. Only the ``dim``
largest are damped here; all others are multiplied by ``rest``, and so remain a sparse product.
"""

import numpy as np
from scipy import sparse

from models.item_models.neighbours import Neighbours, strongest
from models.item_models.user_items import degrees, weighted_pairs
from models.prepared import Interactions
from recipes.schema.item_models import Linear

#: Weights held in memory at once, from some items to all others.
CELLS_AT_ONCE = 40_000_000


def filtered_links(
    interactions: Interactions, users: int, items: int, count: int, options: Linear
) -> Neighbours:
    """Each item's ``count`` largest weights to other items, by absolute value.

    A weight is the filter's, times (users of the item that it leads to) ** ``popularity_power``.
    """
    pairs = weighted_pairs(interactions, users, items)
    of_user, of_item = degrees(pairs)
    scaled = (sparse.diags(of_user**-0.5) @ pairs @ sparse.diags(of_item**-0.5)).tocsr()
    vectors, gains = _broad_tastes(scaled, options)
    scaled, to_users = scaled.astype(np.float32), scaled.T.tocsr().astype(np.float32)
    to_power = (of_item**options.popularity_power).astype(np.float32)
    count = min(count, items)
    rows, weights = np.empty((items, count), np.int64), np.empty((items, count), np.float32)
    at_once = max(1, CELLS_AT_ONCE // items)
    for start in range(0, items, at_once):
        part = slice(start, min(start + at_once, items))
        led_to = (vectors[part] * gains) @ vectors.T
        led_to += options.rest * (to_users[part] @ scaled).toarray()
        led_to *= to_power
        led_to[np.arange(len(led_to)), np.arange(part.start, part.stop)] = 0
        kept = strongest(led_to, count)
        rows[part], weights[part] = kept.rows, kept.weights
    return Neighbours(rows, weights)


def _broad_tastes(scaled: sparse.csr_matrix, options: Linear) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvectors of the largest eigenvalues, [items, dim], and their gains, [dim]; float32.

    A gain is the eigenvector's factor in the filter in addition to the sparse product.
    """
    dim = min(options.dim, min(scaled.shape) - 1)
    if dim < 1:
        return np.zeros((scaled.shape[1], 0), np.float32), np.zeros(0, np.float32)
    start = np.ones(min(scaled.shape))
    _, roots, vectors = sparse.linalg.svds(scaled, k=dim, v0=start, solver="arpack")
    values = roots**2
    wanted = (values + options.low_pass) * np.exp(-options.sharpening * values)
    gains = wanted - options.rest * values
    return np.ascontiguousarray(vectors.T, np.float32), gains.astype(np.float32)
