"""iALS: factors of users and items by alternating least squares over all pairs.

Y. Hu, Y. Koren, C. Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008; on how far
tuning takes it: S. Rendle et al., "Revisiting the performance of iALS on item recommendation benchmarks",
RecSys 2022. Their weight a0 of unobserved pairs, against 1 more for observed ones, is here
``confidence = (1 + a0) / a0``; their penalty grows with the pairs of a user or an item, here it is the same
for all, about theirs at the mean times 1 / a0. Trained by the package implicit.
"""

from dataclasses import dataclass
from typing import ClassVar

from evaluation.baselines.fitted import Factors
from evaluation.baselines.implicit_library import implicit_model
from evaluation.baselines.user_items import user_items
from models.prepared import Interactions


@dataclass(frozen=True)
class IALS:
    """``confidence``: weight of an observed pair, where another has 1; ``penalty``: L2 on the factors."""

    dim: int = 128
    penalty: float = 40.0
    confidence: float = 6.0
    iterations: int = 20
    seeded: ClassVar[bool] = True

    def fit(self, training: Interactions, users: int, items: int, seed: int) -> Factors:
        """Alternate from factors drawn by ``seed``; the same on any number of threads."""
        with implicit_model("als", "AlternatingLeastSquares") as model:
            fitted = model(
                factors=self.dim,
                regularization=self.penalty,
                alpha=self.confidence,
                iterations=self.iterations,
                random_state=seed,
            )
            fitted.fit(user_items(training, users, items), show_progress=False)
        return Factors(fitted.user_factors, fitted.item_factors)
