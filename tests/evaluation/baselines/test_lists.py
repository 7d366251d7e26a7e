"""From a baseline's scores to lists."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import sparse

from evaluation.baselines import lists
from evaluation.baselines.lists import best_unseen
from models.hidden_items import hidden_items
from models.prepared import Interactions
from runtime.candidates.exclusion import ALL, Exclude


@dataclass(frozen=True)
class Given:
    """A fitted baseline with given scores [users, items]."""

    table: np.ndarray | sparse.csr_matrix

    def scores(self, users: np.ndarray) -> np.ndarray | sparse.csr_matrix:
        return self.table[users]


#: Users 0 and 1 took one and three of five items; user 2 nothing. Item 4 is the most popular.
TRAINING = Interactions(np.array([0, 1, 1, 1]), np.array([4, 4, 0, 2]))
SCORES = Given(
    np.array([[1, 3, 2, 3, 9], [5, 1, 5, 2, 5], [1, 1, 1, 1, 1]], dtype=np.float32),
)


def best_of(asked: np.ndarray, count: int, exclude: Exclude = ALL) -> np.ndarray:
    """The lists of the scores above, without what the recipe excludes."""
    hidden = hidden_items(TRAINING, exclude, 3)
    return best_unseen(SCORES, TRAINING, 5, asked, [hidden[user] for user in asked], count)


def test_the_best_unseen_items_come_first_and_ties_by_row() -> None:
    """User 0: items 1 and 3 are equal; item 4, the best of all, was taken."""
    found = best_of(np.array([0]), 3)
    assert found.tolist() == [[1, 3, 2]]


def test_items_that_a_user_had_stay_if_the_recipe_excludes_none() -> None:
    """User 0's item 4 is the best of all; user 2, without a past, still gets what is popular."""
    found = best_of(np.array([0, 2]), 3, exclude=())
    assert found.tolist() == [[4, 1, 3], [4, 0, 2]]


def test_a_list_ends_where_the_items_do() -> None:
    """User 1 has two unseen items; the rest is -1, also beyond the catalogue."""
    found = best_of(np.array([1]), 7)
    assert found.tolist() == [[3, 1, -1, -1, -1, -1, -1]]


def test_a_user_without_a_past_gets_what_is_popular() -> None:
    """Whatever its scores: item 4 was taken twice, 0 and 2 once."""
    found = best_of(np.array([2, 0]), 3)
    assert found.tolist() == [[4, 0, 2], [1, 3, 2]]


def test_slices_of_users_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """One user at a time gives the same as all at once, in the order asked for."""
    asked = np.array([2, 1, 0, 1])
    together = best_of(asked, 4)
    monkeypatch.setattr(lists, "CELLS", 1)
    assert np.array_equal(best_of(asked, 4), together)


def test_places_without_a_score_get_what_is_popular() -> None:
    """User 0's hidden item 4 is left out. Places without a score get what is popular: 0 and 2."""
    table = np.array([[0, 3, 0, 0, 9], [0, 2, 0, 1, 0], [0, 0, 0, 0, 0]], dtype=np.float32)
    hidden = hidden_items(TRAINING, ALL, 3)
    found = best_unseen(Given(sparse.csr_matrix(table)), TRAINING, 5, np.arange(3), hidden, 3)
    assert found.tolist() == [[1, 0, 2], [1, 3, -1], [4, 0, 2]]


def test_what_was_seen_is_hidden_whatever_was_taken() -> None:
    """Hidden items need not be those of the training part, also for a user without a past."""
    hidden = [np.array([1]), np.array([4])]
    found = best_unseen(SCORES, TRAINING, 5, np.array([0, 2]), hidden, 3)
    assert found.tolist() == [[4, 3, 2], [0, 2, 1]]


def test_the_scores_of_the_baseline_are_left_as_they_are() -> None:
    """Seen items are masked in a copy."""
    before = SCORES.table.copy()
    best_of(np.arange(3), 2)
    assert np.array_equal(SCORES.table, before)
