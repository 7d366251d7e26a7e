"""Item neighbours against cosines computed by hand."""

import numpy as np
import pytest

from models.item_models import neighbours
from models.item_models.neighbours import item_neighbours, linked_items
from models.prepared import Interactions


def pairs(*users: list[int]) -> Interactions:
    """The items of user 0, of user 1, and so on."""
    rows = [(user, item) for user, items in enumerate(users) for item in items]
    return Interactions(*np.array(rows).T)


def test_hand_computed_cosines() -> None:
    """Common users over the root of the product of each item's users; nearest first."""
    found = item_neighbours(pairs([0, 1], [0, 1, 2], [0]), users=4, items=4, count=3)
    assert found.rows.tolist() == [[1, 2, -1], [0, 2, -1], [1, 0, -1], [-1, -1, -1]]
    near, middle, far = 2 / np.sqrt(3 * 2), 1 / np.sqrt(2 * 1), 1 / np.sqrt(3 * 1)
    expected = [[near, far, 0], [near, middle, 0], [middle, far, 0], [0, 0, 0]]
    np.testing.assert_allclose(found.weights, expected, rtol=1e-6)
    assert (found.rows.dtype, found.weights.dtype) == (np.int64, np.float32)


def test_an_item_is_not_its_own_neighbour() -> None:
    """Not even if nothing else is near and the list is longer than the catalogue."""
    found = item_neighbours(pairs([0], [1, 2]), users=2, items=3, count=10)
    assert found.rows.tolist() == [[-1, -1, -1], [2, -1, -1], [1, -1, -1]]


def test_a_repeated_pair_counts_once() -> None:
    """A user who returns to an item is still one user."""
    once = item_neighbours(pairs([0, 1], [0]), users=2, items=2, count=1)
    twice = item_neighbours(pairs([0, 1, 0, 0], [0]), users=2, items=2, count=1)
    np.testing.assert_array_equal(once.weights, twice.weights)
    np.testing.assert_allclose(once.weights, 1 / np.sqrt(2), rtol=1e-6)


def test_equal_neighbours_stand_by_row_and_the_rest_is_cut() -> None:
    """Items 1 to 4 are equally near to item 0: the first two rows are kept."""
    found = item_neighbours(pairs([4, 2, 0, 3, 1]), users=1, items=5, count=2)
    assert found.rows.tolist() == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1]]


def test_a_link_is_divided_by_how_many_each_of_its_ends_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Users of 2, 3 and 1 items, items of 3, 2 and 1 users, by hand; items are processed one at a time."""
    monkeypatch.setattr(neighbours, "LINKS_AT_ONCE", 1)
    found = linked_items(
        pairs([0, 1], [0, 1, 2], [0]),
        3,
        3,
        2,
        user_power=1.0,
        from_power=0.5,
        to_power=0.25,
    )
    both, third = 1 / 2 + 1 / 3, 1 / 3
    expected = [
        {1: both / 3**0.5 / 2**0.25, 2: third / 3**0.5},
        {0: both / 2**0.5 / 3**0.25, 2: third / 2**0.5},
        {0: third / 3**0.25, 1: third / 2**0.25},
    ]
    for item, row in enumerate(expected):
        assert dict(zip(found.rows[item], found.weights[item], strict=True)) == pytest.approx(row)
    assert found.rows[2].tolist() == [1, 0]  # the stronger first


def test_only_the_strongest_links_are_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of one link keeps the strongest wherever blocks end, and equal ones stand by row."""
    users = pairs([0, 1, 2, 3], [3, 0], [3, 0], [2, 1], [1, 2])
    whole = item_neighbours(users, users=5, items=4, count=1)
    assert whole.rows.tolist() == [[3], [2], [1], [0]]
    for links in (1, 5, 9):
        monkeypatch.setattr(neighbours, "LINKS_AT_ONCE", links)
        found = item_neighbours(users, users=5, items=4, count=1)
        np.testing.assert_array_equal(found.rows, whole.rows)
        np.testing.assert_array_equal(found.weights, whole.weights)


def test_too_many_links_leave_out_items_of_the_longest_lists(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """36 + 4 + 1 links at most 16: the user of six items counts with three of them, the others whole."""
    monkeypatch.setattr(neighbours, "MOST_LINKS", 16)
    users = pairs([0, 1, 2, 3, 4, 5], [6, 7], [0])
    found = item_neighbours(users, users=3, items=8, count=7)
    linked = [sorted(row[row >= 0].tolist()) for row in found.rows]
    assert linked[6:] == [[7], [6]]
    assert [len(row) for row in linked[:6]].count(2) == 3
    assert [len(row) for row in linked[:6]].count(0) == 3
    again = item_neighbours(users, users=3, items=8, count=7)
    np.testing.assert_array_equal(found.rows, again.rows)
