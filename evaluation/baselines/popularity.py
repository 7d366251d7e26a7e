"""The baseline that every recommender must beat: what most users interacted with."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from models.prepared import Interactions


@dataclass(frozen=True)
class Popularity:
    """Scores an item with its frequency; there is nothing to tune."""

    seeded: ClassVar[bool] = False

    def fit(self, training: Interactions, users: int, items: int, seed: int) -> "Frequencies":
        """Count interactions; see ``evaluation.baselines.Baseline``."""
        return Frequencies(np.bincount(training.items, minlength=items).astype(np.float32))


@dataclass(frozen=True)
class Frequencies:
    """The fitted baseline; ``counts``: float32 [items]."""

    counts: np.ndarray

    def scores(self, users: np.ndarray) -> np.ndarray:
        """Return float32 [n, items], the same for every user."""
        return np.tile(self.counts, (len(users), 1))


def most_popular(
    visible: Interactions, items: int, hidden: list[np.ndarray], count: int
) -> np.ndarray:
    """Return the ``count`` most frequent items for each user without the ``hidden`` ones.

    They are int64 [users, count]; -1 pads.

    Ties keep row order.
    """
    frequency = np.bincount(visible.items, minlength=items)
    order = np.argsort(-frequency, kind="stable")
    lists = np.full((len(hidden), count), -1, np.int64)
    for user, taken in enumerate(hidden):
        # Of the first count + |hidden| items at least `count` are not hidden.
        head = order[: count + len(taken)]
        left = head[~np.isin(head, taken)][:count]
        lists[user, : len(left)] = left
    return lists
