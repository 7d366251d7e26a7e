"""The graph that links items by the users they have in common, and filters of its spectrum.

Let R be the user-item matrix with each entry divided by the square roots of its user's number of items and
its item's number of users. R'R has eigenvalues from 0 to 1: those near 1 are broad tastes, small ones are
what few items have in common. A filter multiplies each eigenvalue's vectors by a gain.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from models.item_models.neighbours import Neighbours
from models.item_models.row_blocks import strongest_of_rows
from models.item_models.truncated_svd import truncated_svd
from models.item_models.user_items import degrees, weighted_pairs
from models.prepared import Interactions


@dataclass(frozen=True)
class ItemGraph:
    """R, float32 [users, items], its transpose, and the largest eigenvalues of R'R.

    ``values``: float32 [k], descending; ``vectors``: float32 [items, k]; ``of_item``: users of each item.
    """

    scaled: sparse.csr_matrix
    to_users: sparse.csr_matrix
    of_item: np.ndarray
    values: np.ndarray
    vectors: np.ndarray

    @classmethod
    def of(cls, interactions: Interactions, users: int, items: int, dim: int) -> "ItemGraph":
        """The graph of the items in ``interactions``, and its ``dim`` largest eigenvalues."""
        pairs = weighted_pairs(interactions, users, items)
        of_user, of_item = degrees(pairs)
        scaled = (sparse.diags(of_user**-0.5) @ pairs @ sparse.diags(of_item**-0.5)).tocsr()
        scaled = scaled.astype(np.float32)
        _, roots, vectors = truncated_svd(scaled, dim)
        return cls(scaled, scaled.T.tocsr(), of_item, roots**2, vectors)

    def filtered(
        self, gains: np.ndarray, rest: float, count: int, *, from_power: float, to_power: float
    ) -> Neighbours:
        """Each item's ``count`` largest weights to other items, by absolute value.

        A weight is the filter's, times (users of the item that it leads to) ** ``to_power``, divided by
        (users of the item that it leads from) ** ``from_power``.

        Args:
            gains: what the vectors of the largest eigenvalues are multiplied by, [k].
            rest: what all smaller eigenvalues are multiplied by, times the eigenvalue itself.
        """
        # The sparse product gives every eigenvalue the gain of the rest.
        more = (gains - rest * self.values).astype(np.float32)
        led_from, led_to = (
            (self.of_item**power).astype(np.float32) for power in (-from_power, to_power)
        )

        def weights_of(part: slice) -> np.ndarray:
            weights = (self.vectors[part] * more) @ self.vectors.T
            links = (self.to_users[part] @ self.scaled).tocoo()
            weights[links.row, links.col] += np.float32(rest) * links.data
            weights *= led_to
            weights *= led_from[part, None]
            return weights

        return strongest_of_rows(len(self.of_item), count, weights_of)
