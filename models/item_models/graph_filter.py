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

from models.item_models.neighbours import Neighbours
from models.item_models.row_blocks import strongest_of_rows
from models.item_models.truncated_svd import truncated_svd
from models.item_models.user_items import degrees, weighted_pairs
from models.prepared import Interactions
from recipes.schema.item_models import Linear


def filtered_links(
    interactions: Interactions, users: int, items: int, count: int, options: Linear
) -> Neighbours:
    """Each item's ``count`` largest weights to other items, by absolute value.

    A weight is the filter's, times (users of the item that it leads to) ** ``popularity_power``.
    """
    pairs = weighted_pairs(interactions, users, items)
    of_user, of_item = degrees(pairs)
    scaled = (sparse.diags(of_user**-0.5) @ pairs @ sparse.diags(of_item**-0.5)).tocsr()
    scaled = scaled.astype(np.float32)
    to_users = scaled.T.tocsr()
    vectors, gains = _broad_tastes(scaled, options)
    to_power = (of_item**options.popularity_power).astype(np.float32)

    def weights_of(part: slice) -> np.ndarray:
        led_to = (vectors[part] * gains) @ vectors.T
        links = (to_users[part] @ scaled).tocoo()
        led_to[links.row, links.col] += np.float32(options.rest) * links.data
        led_to *= to_power
        return led_to

    return strongest_of_rows(items, count, weights_of)


def _broad_tastes(scaled: sparse.csr_matrix, options: Linear) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvectors of the largest eigenvalues, [items, dim], and their gains, [dim]; float32.

    A gain is the eigenvector's factor in the filter in addition to the sparse product.
    """
    _, roots, vectors = truncated_svd(scaled, options.dim)
    values = roots**2
    wanted = (values + options.low_pass) * np.exp(-options.sharpening * values)
    return vectors, wanted - np.float32(options.rest) * values
