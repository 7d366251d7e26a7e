"""The best of many scores: highest first, equal ones in the order of their rows."""

import numpy as np

from .catalogue import NO_ROW


def best(scores: np.ndarray, count: int) -> np.ndarray:
    """Places int64 [at most ``count``] of the highest of float [n]; -inf is no score."""
    if count < len(scores):
        # A partition first; what ties with the last place is sorted with the rest.
        worst = np.partition(scores, len(scores) - count)[len(scores) - count]
        places = np.flatnonzero(scores >= worst)
    else:
        places = np.arange(len(scores))
    found = scores[places]
    if np.isneginf(found).any():
        places = places[~np.isneginf(found)]
        found = scores[places]
    return places[np.lexsort((places, -found))[:count]]


def best_of_each(scores: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns int64 and scores, both [n, count], of each row of float [n, items]; -1 and -inf pad."""
    rows = np.full((len(scores), count), NO_ROW, np.int64)
    found = np.full((len(scores), count), -np.inf, scores.dtype)
    for place, row in enumerate(scores):
        columns = best(row, count)
        rows[place, : len(columns)] = columns
        found[place, : len(columns)] = row[columns]
    return rows, found
