"""BPR: factors of users and items that put a user's items above others, pair by pair.

S. Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009. Trained by the
package implicit, which draws the other item of a pair as often as it occurs, where the paper draws uniformly:
its scores lack the popularity that was drawn away, and alone they are poor. They get it back as logQ (X. Yi
et al., "Sampling-bias-corrected neural modeling", RecSys 2019).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from evaluation.baselines.fitted import Factors
from models.item_models.user_items import user_items
from models.prepared import Interactions


@dataclass(frozen=True)
class BPR:
    """``penalty``: L2 on the factors; ``epochs``: passes over the pairs; ``correction``: how many times the
    logarithm of an item's frequency is added to its scores."""

    dim: int = 64
    learning_rate: float = 0.01
    penalty: float = 0.03
    epochs: int = 200
    correction: float = 1.0
    seeded: ClassVar[bool] = True

    def fit(self, training: Interactions, users: int, items: int, seed: int) -> Factors:
        """Stochastic gradient descent over pairs drawn by ``seed``."""
        from implicit.cpu.bpr import BayesianPersonalizedRanking
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, "blas"):
            fitted = BayesianPersonalizedRanking(
                factors=self.dim,
                learning_rate=self.learning_rate,
                regularization=self.penalty,
                iterations=self.epochs,
                random_state=seed,
                num_threads=1,  # several write over each other, and no two runs are the same
            )
            fitted.fit(user_items(training, users, items), show_progress=False)
        # One added: an item without interactions has a logarithm, too.
        frequency = np.log1p(np.bincount(training.items, minlength=items)).astype(np.float32)
        return Factors(
            np.column_stack([fitted.user_factors, np.ones(users, np.float32)]),
            np.column_stack([fitted.item_factors, self.correction * frequency]),
        )
