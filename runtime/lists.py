"""Lists of different lengths as one array, padded on the right."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def padded(values: np.ndarray, lengths: np.ndarray, width: int, fill: Any = 0) -> np.ndarray:
    """[rows, width] of the values' dtype; a longer row keeps its first ``width`` values.

    Args:
        values: [total], row after row.
        lengths: int64 [rows], the number of values of each row.
    """
    kept = np.minimum(lengths, width)
    if kept.sum() < len(values):
        place = np.arange(len(values)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        values = values[place < width]
    rows = np.full((len(lengths), width), fill, values.dtype)
    rows[np.arange(width) < kept[:, None]] = values
    return rows


def padded_lists(
    lists: Sequence[Sequence[Any] | np.ndarray], dtype: Any, width: int | None = None, fill: Any = 0
) -> np.ndarray:
    """Like ``padded``, from sequences; by default as wide as the longest of them."""
    lengths = np.fromiter(map(len, lists), np.int64, len(lists))
    values = np.empty(int(lengths.sum()), dtype)
    start = 0
    for each in lists:
        values[start : start + len(each)] = each
        start += len(each)
    return padded(values, lengths, int(lengths.max(initial=0)) if width is None else width, fill)
