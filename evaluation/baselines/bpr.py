"""BPR: user and item factors that rank a user's items above others, trained pair by pair.

S. Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009. Trained with the
package implicit, which draws negatives in proportion to their frequency, while the paper draws uniformly:
its scores lack popularity, and alone they are poor. A logQ correction adds it back (X. Yi et al.,
"Sampling-bias-corrected neural modeling", RecSys 2019).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from evaluation.baselines.fitted import Factors
from models.item_models.user_items import user_items
from models.prepared import Interactions


@dataclass(frozen=True)
class BPR:
    """Settings of BPR.

    ``penalty``: L2 on the factors. ``epochs``: passes over the pairs. ``correction``: how many times the
    logarithm of an item's frequency is added to its scores.
    """

    dim: int = 64
    learning_rate: float = 0.01
    penalty: float = 0.03
    epochs: int = 200
    correction: float = 1.0
    seeded: ClassVar[bool] = True

    def fit(self, training: Interactions, users: int, items: int, seed: int) -> Factors:
        """Run stochastic gradient descent over pairs drawn with ``seed``."""
        from implicit.cpu.bpr import BayesianPersonalizedRanking
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1, "blas"):
            fitted = BayesianPersonalizedRanking(
                factors=self.dim,
                learning_rate=self.learning_rate,
                regularization=self.penalty,
                iterations=self.epochs,
                random_state=seed,
                num_threads=1,  # several threads overwrite each other, and no two runs are the same
            )
            fitted.fit(user_items(training, users, items), show_progress=False)
        # One is added: an item without interactions needs a logarithm, too.
        frequency = np.log1p(np.bincount(training.items, minlength=items)).astype(np.float32)
        return Factors(
            np.column_stack([fitted.user_factors, np.ones(users, np.float32)]),
            np.column_stack([fitted.item_factors, self.correction * frequency]),
        )
