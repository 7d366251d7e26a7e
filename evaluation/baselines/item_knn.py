"""ItemKNN: what is similar to the user's items, by cosine over users.

Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001, with the shrinkage
of M. Ferrari Dacrema et al., "Are we really making much progress?", RecSys 2019: similarities that rest on
few users are drawn to 0.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from evaluation.baselines.fitted import ItemToItem
from evaluation.baselines.user_items import user_items
from models.prepared import Interactions


@dataclass(frozen=True)
class ItemKNN:
    """``neighbours``: how many items, at most, an item's score is summed over. ``shrinkage``: added to the
    denominator of the cosine, in users."""

    neighbours: int = 200
    shrinkage: float = 50.0
    seeded: ClassVar[bool] = False

    def fit(self, training: Interactions, users: int, items: int, seed: int) -> ItemToItem:
        """Similarity of two items: users of both / (sqrt(users of one * users of the other) + shrinkage)."""
        history = user_items(training, users, items)
        both = (history.T @ history).tocoo()
        norm = np.sqrt(np.asarray(history.sum(axis=0)).ravel())
        similarity = both.data / (norm[both.row] * norm[both.col] + self.shrinkage)
        other = both.row != both.col
        row, col, similarity = both.row[other], both.col[other], similarity[other]
        # Each item's neighbours side by side, the nearest first, equally near ones by row.
        order = np.lexsort((row, -similarity, col))
        row, col, similarity = row[order], col[order], similarity[order]
        rank = np.arange(len(col)) - np.searchsorted(col, col)
        near = rank < self.neighbours
        weights = sparse.csr_matrix((similarity[near], (row[near], col[near])), (items, items))
        return ItemToItem(history, weights.astype(np.float32))
