"""EASE: a linear item-item model in closed form, which is EDLAE without dropout.

H. Steck, "Embarrassingly shallow autoencoders for sparse data", WWW 2019.
"""

from dataclasses import dataclass
from typing import ClassVar

from evaluation.baselines.edlae import EDLAE
from evaluation.baselines.fitted import ItemToItem
from models.prepared import Interactions


@dataclass(frozen=True)
class EASE:
    """``penalty``: L2 on the weights between items."""

    penalty: float = 300.0
    seeded: ClassVar[bool] = False

    def fit(self, training: Interactions, users: int, items: int, seed: int) -> ItemToItem:
        """Solve for the weights between items; raises like ``EDLAE.fit``."""
        return EDLAE(dropout=0.0, penalty=self.penalty).fit(training, users, items, seed)
