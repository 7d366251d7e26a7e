"""Which items are hidden from users because they already had them: the one place that decides."""

from typing import Literal

import numpy as np

#: A recipe's ``serving.exclude``: ``ALL`` items that a user had are hidden, or none of them, ``()``.
ALL: Literal["all"] = "all"
Exclude = Literal["all"] | tuple[str, ...]


def hidden_rows(had_rows: np.ndarray, exclude: Exclude) -> np.ndarray:
    """Of the rows of items that a user had, int64 [S], those that are hidden, int64 [H]."""
    return had_rows if exclude == ALL else had_rows[:0]
