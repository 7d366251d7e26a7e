"""Ranking metrics against values worked out by hand and against plain loops."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation import metrics

#: User 0 has one relevant item, at rank 2; user 1 has three, at ranks 1 and 4 and nowhere.
RANKED = np.array([[1, 2, 3, -1], [4, 5, 6, 7]])
RELEVANT = [np.array([2]), np.array([4, 7, 9])]
LOG3, LOG5 = math.log2(3), math.log2(5)


@pytest.mark.parametrize(
    ("metric", "k", "expected"),
    [
        (metrics.precision, 3, [1 / 3, 1 / 3]),
        (metrics.precision, 4, [1 / 4, 2 / 4]),
        (metrics.recall, 3, [1.0, 1 / 3]),
        (metrics.recall, 4, [1.0, 2 / 3]),
        (metrics.average_precision, 3, [1 / 2, 1 / 3]),
        (metrics.average_precision, 4, [1 / 2, (1 + 2 / 4) / 3]),
        (metrics.ndcg, 1, [0.0, 1.0]),
        (metrics.ndcg, 2, [1 / LOG3, 1 / (1 + 1 / LOG3)]),
        (metrics.ndcg, 4, [1 / LOG3, (1 + 1 / LOG5) / (1 + 1 / LOG3 + 1 / 2)]),
    ],
)
def test_hand_worked_lists(
    metric: Callable[..., np.ndarray], k: int, expected: list[float]
) -> None:
    """Each metric at each depth gives what its definition gives on paper, user by user."""
    np.testing.assert_allclose(metric(RANKED, RELEVANT, k), expected, rtol=1e-12)


def test_map_is_divided_by_all_the_relevant_items() -> None:
    """A user with more relevant items than k cannot reach 1 in MAP, but does in nDCG."""
    ranked, relevant = np.array([[0, 1]]), [np.array([0, 1, 2, 3])]
    assert metrics.average_precision(ranked, relevant, 2).tolist() == [0.5]
    assert metrics.ndcg(ranked, relevant, 2).tolist() == [1.0]


def test_lists_that_end_early() -> None:
    """Tails of -1 are misses, also in lists narrower than k: precision still divides by k."""
    tailed = np.array([[3, 8, -1, -1, -1], [-1, -1, -1, -1, -1]])
    relevant = [np.array([8]), np.array([0])]
    for ranked in (tailed, tailed[:, :2]):
        assert metrics.precision(ranked, relevant, 5).tolist() == [1 / 5, 0.0]
        assert metrics.recall(ranked, relevant, 5).tolist() == [1.0, 0.0]
        np.testing.assert_allclose(metrics.ndcg(ranked, relevant, 5), [1 / LOG3, 0.0])
        assert metrics.average_precision(ranked, relevant, 5).tolist() == [0.5, 0.0]


def test_means_weigh_every_user_alike() -> None:
    """A user with many relevant items counts no more than one with few."""
    found = metrics.means(RANKED, RELEVANT, 4)
    assert list(found) == ["ndcg", "map", "precision", "recall"]
    assert found["recall"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["map"] == pytest.approx((1 / 2 + (1 + 2 / 4) / 3) / 2)


@given(st.data())
def test_metrics_equal_plain_loops(data: st.DataObject) -> None:
    """The definitions of recommenders-team/recommenders, written out rank by rank."""
    ranked = data.draw(st.permutations(range(8)))
    wanted = data.draw(st.sets(st.integers(0, 9), min_size=1))
    k = data.draw(st.integers(1, 8))
    ranks = [rank for rank, item in enumerate(ranked[:k], start=1) if item in wanted]
    gain = sum(1 / math.log2(1 + rank) for rank in ranks)
    ideal = sum(1 / math.log2(1 + rank) for rank in range(1, min(k, len(wanted)) + 1))
    precision_sum = sum(hit / rank for hit, rank in enumerate(ranks, start=1))
    expected = {
        "ndcg": gain / ideal,
        "map": precision_sum / len(wanted),
        "precision": len(ranks) / k,
        "recall": len(ranks) / len(wanted),
    }
    assert metrics.means(np.array([ranked]), [np.array(sorted(wanted))], k) == pytest.approx(
        expected
    )


def test_auc_counts_a_tie_as_half() -> None:
    """Of the four pairs below three are won and one is a tie."""
    scores = np.array([0.1, 0.4, 0.4, 0.8])
    assert metrics.auc(scores, np.array([False, True, False, True])) == 3.5 / 4
    assert metrics.auc(np.full(5, 0.3), np.array([True, False, False, True, False])) == 0.5


@pytest.mark.parametrize("label", [True, False])
def test_auc_of_rows_that_are_all_alike_is_no_number(label: bool) -> None:
    """Without a relevant row, or without another one, there is no pair to compare."""
    assert math.isnan(metrics.auc(np.array([0.1, 0.9]), np.array([label, label])))


def test_log_loss() -> None:
    """Mean of -log of the probability given to what was; one that is quite wrong stays finite."""
    found = metrics.log_loss(np.array([0.5, 0.25], np.float32), np.array([True, False]))
    assert found == pytest.approx((math.log(2) - math.log(0.75)) / 2)
    wrong = metrics.log_loss(np.array([0.0, 1.0], np.float32), np.array([True, False]))
    assert wrong == pytest.approx(-math.log(1e-7))
