"""EDLAE: a linear item-item model in closed form that does not overfit towards the identity.

H. Steck, "Autoencoders that don't overfit towards the identity", NeurIPS 2020.
"""

from dataclasses import dataclass
from typing import ClassVar

from evaluation.baselines.fitted import ItemToItem
from models.item_models.linear import MOST_ITEMS, item_weights
from models.item_models.user_items import user_items
from models.prepared import Interactions
from recipes.schema.item_models import Linear
from stages.errors import ShortlistError


@dataclass(frozen=True)
class EDLAE:
    """``dropout``: the share of a user's items assumed to be dropped; ``penalty``: L2."""

    dropout: float = 0.1
    penalty: float = 300.0
    seeded: ClassVar[bool] = False

    def fit(self, training: Interactions, users: int, items: int, seed: int) -> ItemToItem:
        """Solve for the weights between items.

        Raises:
            ShortlistError: the dense items-by-items matrix would be too large.
        """
        if items > MOST_ITEMS:
            raise ShortlistError(
                f"expected at most {MOST_ITEMS:,} items for EASE and EDLAE, which invert a dense "
                f"items-by-items matrix, got {items:,}. Leave both out, as with: --baselines "
                "popularity ItemKNN"
            )
        options = Linear(dropout=self.dropout, penalty=self.penalty)
        weights = item_weights(training, users, items, options)
        return ItemToItem(user_items(training, users, items), weights)
