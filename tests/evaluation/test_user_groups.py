"""Figures of users by the length of their history."""

import numpy as np
import pytest

from evaluation.user_groups import NAMES, by_history

#: Nine users with 1..9 training items; each has one relevant item, found only for the first three.
RELEVANT = [np.array([user]) for user in range(9)]
FOUND = np.array([[user] if user < 3 else [99] for user in range(9)])


def test_thirds_of_the_users_by_the_length_of_their_histories() -> None:
    """Three users in each group, and the system is right in the first only."""
    groups = by_history({"one": FOUND}, RELEVANT, np.arange(1, 10), (1,))
    assert [group.name for group in groups] == list(NAMES)
    assert [(group.users, group.fewest, group.most) for group in groups] == [
        (3, 1, 3),
        (3, 4, 6),
        (3, 7, 9),
    ]
    assert [group.systems["one"]["recall@1"] for group in groups] == [1.0, 0.0, 0.0]


def test_the_groups_together_are_all_the_users() -> None:
    """Weighted by their size, the groups give the figure of all users."""
    histories = np.array([5, 1, 1, 9, 2, 2, 2, 30, 4])
    groups = by_history({"one": FOUND}, RELEVANT, histories, (1,))
    total = sum(group.users * group.systems["one"]["ndcg@1"] for group in groups)
    assert total / sum(group.users for group in groups) == pytest.approx(3 / 9)
    assert sum(group.users for group in groups) == 9


def test_users_with_equal_histories_stay_together() -> None:
    """With equal histories there is one group, and no empty ones."""
    (group,) = by_history({"one": FOUND}, RELEVANT, np.full(9, 4), (1,))
    assert (group.users, group.fewest, group.most) == (9, 4, 4)
