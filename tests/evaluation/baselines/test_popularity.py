"""The popularity baseline."""

import numpy as np

from evaluation.baselines.popularity import most_popular
from models.prepared import Interactions

#: Items 0..4 are interacted with 1, 3, 3, 2 and 0 times.
ITEMS = np.array([1, 2, 3, 0, 2, 1, 3, 1, 2])
VISIBLE = Interactions(np.arange(len(ITEMS)), ITEMS)
NOTHING = np.array([], np.int64)


def test_most_frequent_first_and_ties_by_row() -> None:
    """Items 1 and 2 are equally frequent: the lower row comes first."""
    assert most_popular(VISIBLE, 5, [NOTHING], 4).tolist() == [[1, 2, 3, 0]]


def test_seen_items_make_room_for_the_next() -> None:
    """Each user's list leaves out this user's own items and is as long as asked for."""
    seen = [np.array([1, 3]), np.array([2, 2]), NOTHING]
    assert most_popular(VISIBLE, 5, seen, 2).tolist() == [[2, 0], [1, 3], [1, 2]]


def test_a_list_ends_where_the_items_do() -> None:
    """With fewer unseen items than asked for, the tail is -1."""
    seen = [np.array([0, 1, 2]), np.arange(5)]
    assert most_popular(VISIBLE, 5, seen, 4).tolist() == [[3, 4, -1, -1], [-1] * 4]
