"""Baselines that a recommender is laid beside: one file each, and one interface, written down here.

A baseline is a frozen dataclass of its settings with a ``fit``. The defaults are what
``python -m benchmarks.tune_baselines`` found on MovieLens-100K: the best mean NDCG@10 over three hold-outs
of a tenth of the training part. The test part was not looked at.
"""

from typing import ClassVar, Protocol

import numpy as np

from models.prepared import Interactions


class Fitted(Protocol):
    """What a baseline has learnt of the training part."""

    def scores(self, users: np.ndarray) -> np.ndarray:
        """float32 [n, items] of the user rows int64 [n]; seen items have scores, too.

        A slice of users at a time, so that nothing of users by items is ever held.
        """
        ...


class Baseline(Protocol):
    """``seeded``: whether another seed gives other scores."""

    seeded: ClassVar[bool]

    def fit(self, training: Interactions, users: int, items: int, seed: int) -> Fitted:
        """Learn from ``training``; the same ``seed`` learns the same.

        Args:
            training: pairs of user row 0..users-1 and item row 0..items-1.
        Raises:
            ShortlistError: the catalogue is too large for the method, or its library is not installed.
        """
        ...
