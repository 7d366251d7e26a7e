"""Which items are interacted with together: each item's nearest, by cosine over users.

Method: item-based collaborative filtering (Sarwar et al., WWW 2001).
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from models.prepared import Interactions
from models.user_items import user_items


@dataclass(frozen=True)
class Neighbours:
    """``rows`` int64 and ``similarities`` float32, both [items, count]; -1 and 0 where there are fewer."""

    rows: np.ndarray
    similarities: np.ndarray


def item_neighbours(interactions: Interactions, users: int, items: int, count: int) -> Neighbours:
    """The ``count`` items most similar to each item; an item is not its own neighbour.

    Similarity of two items: users of both / sqrt(users of one * users of the other).
    """
    pairs = user_items(interactions, users, items)
    per_item = np.asarray(pairs.sum(axis=0)).ravel()
    scale = sparse.diags(1.0 / np.sqrt(np.maximum(per_item, 1.0)))
    unit = (pairs @ scale).tocsc()
    similarity = (unit.T @ unit).tocsr()
    count = min(count, items)
    rows = np.full((items, count), -1, np.int64)
    similarities = np.zeros((items, count), np.float32)
    for item in range(items):
        start, stop = similarity.indptr[item : item + 2]
        others = similarity.indices[start:stop]
        values = similarity.data[start:stop]
        others, values = others[others != item], values[others != item]
        # By similarity, then by row: the same everywhere.
        best = np.lexsort((others, -values))[:count]
        rows[item, : len(best)] = others[best]
        similarities[item, : len(best)] = values[best]
    return Neighbours(rows, similarities)
