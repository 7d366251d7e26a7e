"""Baselines to compare a recommender with: one file each, with the interface defined here.

A baseline is a frozen dataclass of its settings with a ``fit``. The defaults are those that ``python -m
benchmarks.tune_baselines`` found on MovieLens-100K: the best mean NDCG@10 over three hold-outs of a tenth
of the training part. The test part was not used.
"""

from typing import ClassVar, Protocol

import numpy as np
from scipy import sparse

from models.prepared import Interactions


class Fitted(Protocol):
    """A baseline fitted to the training part."""

    def scores(self, users: np.ndarray) -> np.ndarray | sparse.csr_matrix:
        """Return scores float32 [n, items] for user rows int64 [n], also of seen items.

        An item that a sparse matrix does not store has no score. Callers pass a slice of users at a time, so
        a matrix of users by items is never held.
        """
        ...


class Baseline(Protocol):
    """The settings of a baseline; ``seeded``: whether the seed changes the scores."""

    seeded: ClassVar[bool]

    def fit(self, training: Interactions, users: int, items: int, seed: int) -> Fitted:
        """Fit to ``training``; the same ``seed`` gives the same result.

        Args:
            training: pairs of user row 0..users-1 and item row 0..items-1.
        Raises:
            ShortlistError: the catalogue is too large for the method, or its library is not installed.
        """
        ...
