"""The items that a user has seen, as item rows: each once, where it comes last, oldest first."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import numpy as np

from .catalogue import NO_ROW

T = TypeVar("T")
#: Item rows int64 of each user, in a list or an object array.
RowsOfUsers = Sequence[np.ndarray] | np.ndarray
#: Generators and ranker features read at most this many of a user's seen items, the newest: their cost
#: grows with each. Every seen item is kept out of the answer, however many there are.
READ = 1000


def distinct(each: Iterable[T]) -> list[T]:
    """Each once, where it comes last."""
    return list(dict.fromkeys(reversed(list(each))))[::-1]


def with_newer(seen: np.ndarray, newer: Iterable[int], items: int) -> np.ndarray:
    """Seen rows int64 [S] and newer ones after them, each once there; -1 is left out.

    ``items``: the number of items.
    """
    rows = [row for row in newer if row != NO_ROW]
    if not rows:
        return seen
    again = np.zeros(items, bool)
    again[rows] = True
    return np.concatenate([seen[~again[seen]], np.array(rows, np.int64)])


def packed(rows: Sequence[int]) -> bytes:
    """Rows as the feature store holds them; -1 is left out."""
    return np.array([row for row in rows if row != NO_ROW], "<i4").tobytes()


def unpacked(content: bytes) -> np.ndarray:
    """The inverse of ``packed``, int64 [S]."""
    return np.frombuffer(content, "<i4").astype(np.int64)


def newest(seen: np.ndarray) -> np.ndarray:
    """Those of the seen rows that generators and ranker features read; -1 is left out."""
    return seen[seen >= 0][-READ:]
