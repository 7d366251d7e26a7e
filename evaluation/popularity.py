"""The baseline that every recommender must beat: what most users interacted with."""

import numpy as np

from models.prepared import Interactions


def most_popular(
    visible: Interactions, items: int, seen: list[np.ndarray], count: int
) -> np.ndarray:
    """The ``count`` most frequent unseen items of each user, int64 [users, count]; -1 where they end.

    Equally frequent items stand in the order of rows.
    """
    frequency = np.bincount(visible.items, minlength=items)
    order = np.argsort(-frequency, kind="stable")
    lists = np.full((len(seen), count), -1, np.int64)
    for user, taken in enumerate(seen):
        # Of the first count + |seen| items at least `count` are unseen.
        head = order[: count + len(taken)]
        unseen = head[~np.isin(head, taken)][:count]
        lists[user, : len(unseen)] = unseen
    return lists
