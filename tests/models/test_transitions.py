"""Transitions against weights computed by hand."""

import numpy as np
import pytest

from models.item_models import transitions
from models.item_models.transitions import followers
from models.prepared import Interactions
from recipes.schema.item_models import Transitions

PLAIN = Transitions(decay=0.5, backward=0.0, shrinkage=0.0)


def histories(*users: list[int], weights: list[float] | None = None) -> Interactions:
    """The items of user 0, of user 1, and so on, in the order of time; users take turns."""
    rows = [
        (user, item, place) for user, items in enumerate(users) for place, item in enumerate(items)
    ]
    mixed = np.array(sorted(rows, key=lambda row: (row[2], row[0])))
    found = None if weights is None else np.array(weights, np.float32)
    return Interactions(mixed[:, 0], mixed[:, 1], found)


def test_later_items_follow_by_distance() -> None:
    """In 0, 1, 2 item 0 leads to 1 fully and to 2 by half; nothing leads back."""
    found = followers(histories([0, 1, 2]), 1, 4, 3, PLAIN)
    assert found.rows.tolist() == [[1, 2, -1], [2, -1, -1], [-1] * 3, [-1] * 3]
    assert found.weights.tolist() == [[1, 0.5, 0], [1, 0, 0], [0] * 3, [0] * 3]


def test_the_way_back_counts_less() -> None:
    """With `backward` of 0.3, item 1 leads back to 0 with 0.3 of the weight."""
    found = followers(histories([0, 1]), 1, 2, 1, PLAIN.model_copy(update={"backward": 0.3}))
    assert found.rows.tolist() == [[1], [0]]
    np.testing.assert_allclose(found.weights.ravel(), [1.0, 0.3], rtol=1e-6)


def test_reach_ends() -> None:
    """Of 0, 1, 2 only neighbours count with a reach of 1."""
    found = followers(histories([0, 1, 2]), 1, 3, 2, PLAIN.model_copy(update={"reach": 1}))
    assert found.rows.tolist() == [[1, -1], [2, -1], [-1, -1]]


def test_users_do_not_run_into_each_other() -> None:
    """The last item of one user does not lead to the first of the next."""
    found = followers(histories([0, 1], [2, 3]), 2, 4, 1, PLAIN)
    assert found.rows.ravel().tolist() == [1, -1, 3, -1]


def test_norms_and_shrinkage() -> None:
    """0 leads to 1 twice and to 2 once: 2 / sqrt(3 * 2) and 1 / sqrt(3 * 1), each with 1 more below."""
    options = PLAIN.model_copy(update={"shrinkage": 1.0})
    found = followers(histories([0, 1], [0, 1], [0, 2]), 3, 3, 2, options)
    assert found.rows[0].tolist() == [1, 2]
    np.testing.assert_allclose(
        found.weights[0], [2 / (np.sqrt(6) + 1), 1 / (np.sqrt(3) + 1)], rtol=1e-6
    )


def test_weights_of_interactions_count() -> None:
    """A pair counts by the root of both weights' product; users of an item by their weights."""
    found = followers(histories([0, 1], [0, 2], weights=[4, 1, 4, 1]), 2, 3, 2, PLAIN)
    # Item 0 has the weights 4 and 1, item 1 has 4, item 2 has 1.
    np.testing.assert_allclose(
        found.weights[0], [4 / np.sqrt(5 * 4), 1 / np.sqrt(5 * 1)], rtol=1e-6
    )


def test_an_item_that_comes_again_does_not_follow_itself() -> None:
    """In 0, 0, 1 item 0 leads to 1 from both places."""
    found = followers(histories([0, 0, 1]), 1, 2, 2, PLAIN)
    assert found.rows.tolist() == [[1, -1], [-1, -1]]
    assert found.weights[0].tolist() == [1.5, 0]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same weights whether all items are handled at once or a few at a time."""
    random = np.random.default_rng(0)
    users = [random.permutation(30)[:12].tolist() for _ in range(40)]
    whole = followers(histories(*users), 40, 30, 5, Transitions())
    monkeypatch.setattr(transitions, "PAIRS_AT_ONCE", 400)
    parts = followers(histories(*users), 40, 30, 5, Transitions())
    np.testing.assert_array_equal(whole.rows, parts.rows)
    np.testing.assert_allclose(whole.weights, parts.weights, rtol=1e-6)
