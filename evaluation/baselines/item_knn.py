"""ItemKNN: the items most similar to the user's items, by cosine over users.

Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001, with users scaled
to unit length as in M. Deshpande, G. Karypis, "Item-based top-N recommendation algorithms", TOIS 2004 (a
user who took everything says little about which items go together), and the shrinkage of M. Ferrari
Dacrema et al., "Are we really making much progress?", RecSys 2019: similarities based on few users shrink
towards 0.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from evaluation.baselines.fitted import ItemToItem
from models.item_models.user_items import user_items
from models.prepared import Interactions


@dataclass(frozen=True)
class ItemKNN:
    """Settings of ItemKNN.

    ``neighbours``: number of items, at most, that an item's score is summed over. ``shrinkage``: added to
    the denominator of the cosine, in users of mean weight. ``unit_users``: a user with n items weighs 1 /
    n.
    """

    neighbours: int = 100
    shrinkage: float = 20.0
    unit_users: bool = True
    seeded: ClassVar[bool] = False

    def fit(self, training: Interactions, users: int, items: int, seed: int) -> ItemToItem:
        """Compute the similarity of every two items.

        It is the weight of the users of both / (square root of the product of the weights of each one's
        users + shrinkage).
        """
        history = user_items(training, users, items)
        lengths = np.diff(history.indptr)
        weight = 1.0 / np.maximum(lengths, 1) if self.unit_users else np.ones(users)
        both = (history.T @ sparse.diags(weight) @ history).tocoo()
        norm = np.sqrt(history.T @ weight)
        shrinkage = self.shrinkage * np.average(weight, weights=lengths)
        similarity = both.data / (norm[both.row] * norm[both.col] + shrinkage)
        other = both.row != both.col
        row, col, similarity = both.row[other], both.col[other], similarity[other]
        # Each item's neighbours together, the nearest first, ties by row.
        order = np.lexsort((row, -similarity, col))
        row, col, similarity = row[order], col[order], similarity[order]
        rank = np.arange(len(col)) - np.searchsorted(col, col)
        near = rank < self.neighbours
        weights = sparse.csr_matrix((similarity[near], (row[near], col[near])), (items, items))
        return ItemToItem(history, weights.astype(np.float32))
