"""Which items are hidden from users because they already had them: the one place that decides."""

from typing import Literal

import numpy as np

from .catalogue import NO_ROW

#: A recipe's ``serving.exclude``: ``ALL`` items that a user had are hidden, or none of them, ``()``.
ALL: Literal["all"] = "all"
Exclude = Literal["all"] | tuple[str, ...]


def hidden_rows(seen_rows: np.ndarray, exclude: Exclude) -> np.ndarray:
    """Of item rows that users had, those that are hidden; -1 for the others.

    Args:
        seen_rows: the item of one interaction each, int64 of any shape; -1 pads.
    """
    return seen_rows if exclude == ALL else np.full_like(seen_rows, NO_ROW)


def each_once(rows: np.ndarray) -> np.ndarray:
    """The item rows [B, S] of each user with every item once, in any order; -1 pads."""
    ascending = np.sort(rows, axis=1)
    ascending[:, 1:][ascending[:, 1:] == ascending[:, :-1]] = NO_ROW
    return ascending
