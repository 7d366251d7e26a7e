"""The best of many scores: highest first, ties by row."""

import numpy as np

from .catalogue import NO_ROW


def best(scores: np.ndarray, count: int) -> np.ndarray:
    """Positions int64 [at most ``count``] of the highest of float [n]; -inf is not a score."""
    if count < len(scores):
        # Partition first; everything that ties with the last position is sorted too.
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
    """The best columns int64 and scores [n, count] of each row of float [n, items]; -1 and -inf pad."""
    rows = np.full((len(scores), count), NO_ROW, np.int64)
    found = np.full((len(scores), count), -np.inf, scores.dtype)
    for place, row in enumerate(scores):
        columns = best(row, count)
        rows[place, : len(columns)] = columns
        found[place, : len(columns)] = row[columns]
    return rows, found
