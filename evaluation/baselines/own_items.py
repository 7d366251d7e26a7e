"""The user's own items, the most frequent and most recent first: what many come back to.

Time-decayed personal frequency, as in H. Hu et al., "Modeling personalized item frequency information for
next-basket recommendation", SIGIR 2020 (TIFU-KNN).
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy import sparse

from evaluation.baselines.fitted import ItemToItem
from models.prepared import Interactions
from recipes.schema.item_models import Repeat


@dataclass(frozen=True)
class OwnItems:
    """``half_life``: number of later interactions of the user after which one counts half."""

    half_life: float = Repeat().half_life
    seeded: ClassVar[bool] = False

    def fit(self, training: Interactions, users: int, items: int, seed: int) -> ItemToItem:
        """Add up each item's interactions; an item leads to itself alone."""
        newest = np.argsort(training.users[::-1], kind="stable")
        of_user, item = training.users[::-1][newest], training.items[::-1][newest]
        age = np.arange(len(of_user)) - np.searchsorted(of_user, of_user)
        counts = np.power(0.5, age / self.half_life).astype(np.float32)
        history = sparse.csr_matrix((counts, (of_user, item)), (users, items))
        return ItemToItem(history, sparse.identity(items, np.float32, "csr"))
