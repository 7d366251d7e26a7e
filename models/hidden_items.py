"""The items that training and evaluation leave out of lists, as the server does."""

import numpy as np

from models.interactions import Interactions
from runtime.candidates.exclusion import Exclude, hidden_rows


def hidden_items(seen: Interactions, exclude: Exclude, users: int | np.ndarray) -> list[np.ndarray]:
    """The item rows that are hidden from each user row 0..users-1, or from each of these user rows.

    ``seen``: the pairs that count as seen (``PreparedData.seen_beside``).
    """
    return [hidden_rows(items, exclude) for items in seen.by_user(users)]
