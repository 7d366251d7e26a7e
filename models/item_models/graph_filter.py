"""The linear item-item model of a catalogue that is too large for a closed form: a filter on its graph.

Two items are near where users have both. With R the users' items, each entry over the root of how many items
its user has and the root of how many users its item has, R'R has eigenvalues from 0 to 1: those near 1 are
broad tastes, small ones what few items have in common. Broad tastes recommend what everybody likes, so they
are damped: each eigenvalue x becomes (x + low_pass) * exp(-sharpening * x), as in J. Choi et al.,
"Blurring-sharpening process models for collaborative filtering", SIGIR 2023. Here the ``dim`` largest; the
others, all of them alike, are times ``rest``, and so remain a sparse product.
"""

import numpy as np
from scipy import sparse

from models.item_models.neighbours import Neighbours, strongest
from models.item_models.user_items import degrees, user_items
from models.prepared import Interactions
from recipes.schema.item_models import Linear

#: Weights that are held in memory at once: some items' to all others.
CELLS_AT_ONCE = 40_000_000


def filtered_links(
    interactions: Interactions, users: int, items: int, count: int, options: Linear
) -> Neighbours:
    """What each item leads to, its ``count`` largest weights by absolute value; none leads to itself.

    A weight is the filter's, times (users of the item that it leads to) ** ``popularity_power``.
    """
    pairs = user_items(interactions, users, items).astype(np.float64)
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
    """Eigenvectors [items, dim] of the largest eigenvalues, and what each is times in the filter beside the
    sparse product, [dim]; float32."""
    dim = min(options.dim, min(scaled.shape) - 1)
    if dim < 1:
        return np.zeros((scaled.shape[1], 0), np.float32), np.zeros(0, np.float32)
    start = np.ones(min(scaled.shape))
    _, roots, vectors = sparse.linalg.svds(scaled, k=dim, v0=start, solver="arpack")
    values = roots**2
    wanted = (values + options.low_pass) * np.exp(-options.sharpening * values)
    gains = wanted - options.rest * values
    return np.ascontiguousarray(vectors.T, np.float32), gains.astype(np.float32)
