"""Ranking metrics against values computed by hand and against plain loops."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics import ranking

#: User 0 has one relevant item, at rank 2; user 1 has three, at ranks 1 and 4 and not in the list.
RANKED = np.array([[1, 2, 3, -1], [4, 5, 6, 7]])
RELEVANT = [np.array([2]), np.array([4, 7, 9])]
LOG3, LOG5 = math.log2(3), math.log2(5)


@pytest.mark.parametrize(
    ("metric", "k", "expected"),
    [
        (ranking.precision, 3, [1 / 3, 1 / 3]),
        (ranking.precision, 4, [1 / 4, 2 / 4]),
        (ranking.recall, 3, [1.0, 1 / 3]),
        (ranking.recall, 4, [1.0, 2 / 3]),
        (ranking.average_precision, 3, [1 / 2, 1 / 3]),
        (ranking.average_precision, 4, [1 / 2, (1 + 2 / 4) / 3]),
        (ranking.ndcg, 1, [0.0, 1.0]),
        (ranking.ndcg, 2, [1 / LOG3, 1 / (1 + 1 / LOG3)]),
        (ranking.ndcg, 4, [1 / LOG3, (1 + 1 / LOG5) / (1 + 1 / LOG3 + 1 / 2)]),
    ],
)
def test_hand_worked_lists(
    metric: Callable[..., np.ndarray], k: int, expected: list[float]
) -> None:
    """Each metric at each depth equals its definition, computed by hand user by user."""
    np.testing.assert_allclose(metric(RANKED, RELEVANT, k), expected, rtol=1e-12)


def test_map_is_divided_by_all_the_relevant_items() -> None:
    """A user with more relevant items than k cannot reach 1 in MAP, but does in nDCG."""
    ranked, relevant = np.array([[0, 1]]), [np.array([0, 1, 2, 3])]
    assert ranking.average_precision(ranked, relevant, 2).tolist() == [0.5]
    assert ranking.ndcg(ranked, relevant, 2).tolist() == [1.0]


def test_lists_that_end_early() -> None:
    """Tails of -1 are misses, also in lists narrower than k: precision still divides by k."""
    tailed = np.array([[3, 8, -1, -1, -1], [-1, -1, -1, -1, -1]])
    relevant = [np.array([8]), np.array([0])]
    for ranked in (tailed, tailed[:, :2]):
        assert ranking.precision(ranked, relevant, 5).tolist() == [1 / 5, 0.0]
        assert ranking.recall(ranked, relevant, 5).tolist() == [1.0, 0.0]
        np.testing.assert_allclose(ranking.ndcg(ranked, relevant, 5), [1 / LOG3, 0.0])
        assert ranking.average_precision(ranked, relevant, 5).tolist() == [0.5, 0.0]


def test_means_weigh_every_user_alike() -> None:
    """A user with many relevant items counts no more than one with few."""
    found = ranking.means(RANKED, RELEVANT, 4)
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
    assert ranking.means(np.array([ranked]), [np.array(sorted(wanted))], k) == pytest.approx(
        expected
    )


def test_recall_over_all_that_is_retrieved() -> None:
    """One user finds half of the relevant items, the other all, in any order."""
    retrieved = np.array([[0, 1], [2, -1]])
    found = ranking.recall(retrieved, [np.array([1, 9]), np.array([2])], 2)
    assert found.tolist() == [0.5, 1.0]
