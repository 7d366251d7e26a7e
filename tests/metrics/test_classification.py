"""AUC and log loss against values computed by hand."""

import math

import numpy as np
import pytest

from metrics import classification
from metrics.classification import auc_within_groups


def test_auc_within_groups_by_hand() -> None:
    """Users win 1 of 1, 1 of 4 and 1 of 2 pairs; their rows are interleaved."""
    rows = [
        (1, 0.9, False),
        (0, 0.8, True),
        (1, 0.8, True),
        (2, 5.0, True),
        (0, 0.1, False),
        (1, 0.1, True),
        (2, 7.0, False),
        (1, 0.3, False),
        (2, 3.0, False),
    ]
    users, scores, relevant = (np.array(column) for column in zip(*rows, strict=True))
    assert auc_within_groups(scores, relevant.astype(np.float32), users) == (1 + 1 / 4 + 1 / 2) / 3


def test_equal_scores_are_half_won() -> None:
    """A constant score has an AUC of 0.5 in any row order; one tie of two pairs costs a quarter."""
    users = np.array([0, 0, 0, 1, 1])
    relevant = np.array([0.0, 1.0, 0.0, 1.0, 0.0])
    assert auc_within_groups(np.ones(5), relevant, users) == 0.5
    scores = np.array([0.3, 0.3, 0.1, 0.7, 0.7])
    assert auc_within_groups(scores, relevant, users) == (0.75 + 0.5) / 2


def test_users_whose_candidates_are_all_alike_are_left_out() -> None:
    """Users 1 and 2 have no pair; without any others there is no figure."""
    users = np.array([0, 0, 1, 1, 2])
    relevant = np.array([1.0, 0.0, 1.0, 1.0, 0.0])
    scores = np.array([0.2, 0.1, 0.9, 0.8, 0.7])
    assert auc_within_groups(scores, relevant, users) == 1.0
    assert math.isnan(auc_within_groups(scores[2:], relevant[2:], users[2:]))


def test_auc_within_groups_ignores_how_active_users_are() -> None:
    """A score that only tells users apart orders no user's list, however well it orders all rows."""
    users = np.repeat([0, 1], 100)
    relevant = np.concatenate([np.arange(100) % 10 > 0, np.arange(100) % 10 == 0])
    scores = 10.0 * (users == 0) + np.random.default_rng(1).random(200)
    assert 0.3 < auc_within_groups(scores, relevant, users) < 0.7


def test_auc_counts_a_tie_as_half() -> None:
    """Of the four pairs below three are won and one is a tie."""
    scores = np.array([0.1, 0.4, 0.4, 0.8])
    assert classification.auc(scores, np.array([False, True, False, True])) == 3.5 / 4
    assert classification.auc(np.full(5, 0.3), np.array([True, False, False, True, False])) == 0.5


@pytest.mark.parametrize("label", [True, False])
def test_auc_of_rows_that_are_all_alike_is_no_number(label: bool) -> None:
    """Without a relevant row, or an irrelevant one, there is no pair to compare."""
    assert math.isnan(classification.auc(np.array([0.1, 0.9]), np.array([label, label])))


def test_log_loss() -> None:
    """Mean -log probability of the actual outcome; a completely wrong prediction stays finite."""
    found = classification.log_loss(np.array([0.5, 0.25], np.float32), np.array([True, False]))
    assert found == pytest.approx((math.log(2) - math.log(0.75)) / 2)
    wrong = classification.log_loss(np.array([0.0, 1.0], np.float32), np.array([True, False]))
    assert wrong == pytest.approx(-math.log(1e-7))
