"""iALS: factors of users and items by alternating least squares (``models.item_models.als``)."""

from dataclasses import asdict, dataclass
from typing import ClassVar

from evaluation.baselines.fitted import Factors
from models.item_models.als import factors
from models.prepared import Interactions
from recipes.schema.item_models import Als


@dataclass(frozen=True)
class IALS:
    """Uses the trained factors: its users are known, so none is folded in.

    Settings as in ``recipes.schema.item_models.Als``.
    """

    dim: int = Als().dim
    penalty: float = Als().penalty
    confidence: float = Als().confidence
    iterations: int = Als().iterations
    seeded: ClassVar[bool] = True

    def fit(self, training: Interactions, users: int, items: int, seed: int) -> Factors:
        """Run alternating least squares from factors drawn with ``seed``."""
        return Factors(*factors(training, users, items, seed, Als(**asdict(self))))
