"""iALS: factors of users and items by alternating least squares (``models.als``)."""

from dataclasses import dataclass
from typing import ClassVar

from evaluation.baselines.fitted import Factors
from models.als import Als, factors
from models.prepared import Interactions


@dataclass(frozen=True)
class IALS(Als):
    """The factors as they were trained: those of a user whom they know need not be folded in."""

    seeded: ClassVar[bool] = True

    def fit(self, training: Interactions, users: int, items: int, seed: int) -> Factors:
        """Alternate from factors drawn by ``seed``."""
        return Factors(*factors(training, users, items, seed, self))
