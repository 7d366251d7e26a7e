"""ItemKNN: the items most similar to the user's items, by cosine over users.

Sarwar et al., "Item-based collaborative filtering recommendation algorithms", WWW 2001, with users scaled
to unit length as in M. Deshpande, G. Karypis, "Item-based top-N recommendation algorithms", TOIS 2004 (a
user who took everything says little about which items go together), and the shrinkage of M. Ferrari
Dacrema et al., "Are we really making much progress?", RecSys 2019: similarities based on few users shrink
towards 0.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
from scipy import sparse

from evaluation.baselines.fitted import ItemToItem
from models.item_models.user_items import user_items
from models.prepared import Interactions
from runtime.candidates.best import best

#: Products of two entries of the user-item matrix that are added up at once.
PRODUCTS = 20_000_000


@dataclass(frozen=True)
class ItemKNN:
    """Settings of ItemKNN.

    ``neighbours``: number of items, at most, that an item's score is summed over. ``shrinkage``: added to
    the denominator of the cosine, in users of mean weight. ``unit_users``: a user with n items weighs 1 /
    n. ``recency``: what an item of the user counts, to the power of the number of the user's later items; 1
    counts all alike.
    """

    neighbours: int = 100
    shrinkage: float = 20.0
    unit_users: bool = True
    recency: float = 1.0
    seeded: ClassVar[bool] = False

    def fit(self, training: Interactions, users: int, items: int, seed: int) -> ItemToItem:
        """Compute the similarity of every two items that share a user, some items at a time.

        It is the weight of the users of both / (square root of the product of the weights of each one's
        users + shrinkage).
        """
        history = user_items(training, users, items)
        weights = self._similarities(history)
        if self.recency < 1:
            history = recent(training, users, items, self.recency)
        return ItemToItem(history, weights)

    def _similarities(self, history: sparse.csr_matrix) -> sparse.csr_matrix:
        """The similarity of each item (column) to its nearest others (rows), ties by row."""
        users, items = history.shape
        lengths = np.diff(history.indptr)
        weight = 1.0 / np.maximum(lengths, 1) if self.unit_users else np.ones(users)
        norm = np.sqrt(history.T @ weight)
        shrinkage = self.shrinkage * np.average(weight, weights=lengths)
        weighted, takers = (sparse.diags(weight) @ history).tocsr(), history.T.tocsr()
        # Items in slices of about as many products, at least one item each.
        done = np.cumsum(takers @ lengths) // PRODUCTS
        edges = [0, *(np.flatnonzero(np.diff(done)) + 1), items]
        near, values, counts = [], [], [0]
        for start, stop in pairwise(edges):
            both = (takers[start:stop] @ weighted).tocsr()
            both.sort_indices()
            item = np.repeat(np.arange(start, stop), np.diff(both.indptr))
            similarity = both.data / (norm[item] * norm[both.indices] + shrinkage)
            similarity[item == both.indices] = -np.inf
            for first, last in pairwise(both.indptr):
                nearest = first + best(similarity[first:last], self.neighbours)
                near.append(both.indices[nearest])
                values.append(similarity[nearest].astype(np.float32))
                counts.append(len(nearest))
        rows = (np.concatenate(values), np.concatenate(near), np.cumsum(counts))
        return sparse.csr_matrix(rows, (items, items)).T.tocsr()


def recent(training: Interactions, users: int, items: int, recency: float) -> sparse.csr_matrix:
    """float32 [users, items]: ``recency`` to the power of the item's age, 0 for the user's newest item.

    The age is the number of the user's other items whose last interaction is later.
    """
    # From the newest interaction on, the first of each pair is its last.
    of_user, item = training.users[::-1], training.items[::-1]
    first = np.sort(np.unique(of_user * items + item, return_index=True)[1])
    newest = first[np.argsort(of_user[first], kind="stable")]
    of_user, item = of_user[newest], item[newest]
    age = np.arange(len(of_user)) - np.searchsorted(of_user, of_user)
    counts = np.power(recency, age).astype(np.float32)
    return sparse.csr_matrix((counts, (of_user, item)), (users, items))
