"""The items that training and evaluation leave out of lists, as the server does."""

import numpy as np

from models.prepared import Interactions
from runtime.candidates.exclusion import Exclude, hidden_rows


def hidden_items(visible: Interactions, exclude: Exclude, users: int) -> list[np.ndarray]:
    """The item rows that are hidden from each user row 0..users-1, who had the ``visible`` items."""
    items = hidden_rows(visible.items, exclude)
    kept = items >= 0
    return Interactions(visible.users[kept], items[kept]).by_user(users)
