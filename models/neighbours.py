"""Which items go together: over users (Sarwar et al., "Item-based collaborative filtering", WWW 2001), or
close to each other in users' order of time."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from models.prepared import Interactions

#: Places after which closeness has fallen to 1/e, and beyond which it counts as none.
FADES_OVER, FARTHEST = 2.0, 9


@dataclass(frozen=True)
class Neighbours:
    """``rows`` int64 and ``similarities`` float32, both [items, count]; -1 and 0 where there are fewer."""

    rows: np.ndarray
    similarities: np.ndarray


def item_neighbours(interactions: Interactions, users: int, items: int, count: int) -> Neighbours:
    """The ``count`` items most similar to each item; an item is not its own neighbour.

    Similarity of two items: users of both / sqrt(users of one * users of the other).
    """
    pairs = sparse.csr_matrix(
        (np.ones(len(interactions), np.float32), (interactions.users, interactions.items)),
        shape=(users, items),
    )
    pairs.data[:] = 1.0  # a pair that occurs twice counts once
    per_item = np.asarray(pairs.sum(axis=0)).ravel()
    scale = sparse.diags(1.0 / np.sqrt(np.maximum(per_item, 1.0)))
    unit = (pairs @ scale).tocsc()
    similarity = (unit.T @ unit).tocsr()
    return _largest(similarity, count)


def item_successions(interactions: Interactions, items: int, count: int) -> Neighbours:
    """The ``count`` items closest to each item in users' order of time; an item is not close to itself.

    Closeness of two items: the sum, over users of both, of exp((1 - places between them) / ``FADES_OVER``),
    over sqrt(interactions of one * interactions of the other). What was taken in one sitting is close.

    Args:
        interactions: a user's pairs in the order of time.
    """
    order = np.argsort(interactions.users, kind="stable")
    users, taken = interactions.users[order], interactions.items[order]
    counts = np.maximum(np.bincount(taken, minlength=items), 1).astype(np.float64)
    total = sparse.csr_matrix((items, items))
    for gap in range(1, FARTHEST + 1):
        same = users[gap:] == users[:-gap]
        one, other = taken[:-gap][same], taken[gap:][same]
        weight = np.full(len(one), np.exp((1 - gap) / FADES_OVER))
        total = total + sparse.csr_matrix((weight, (one, other)), (items, items))
    scale = sparse.diags(1.0 / np.sqrt(counts))
    closeness = (scale @ (total + total.T) @ scale).tocsr()
    closeness.sort_indices()
    return _largest(closeness, count)


def _largest(similarity: sparse.csr_matrix, count: int) -> Neighbours:
    items = similarity.shape[0]
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
