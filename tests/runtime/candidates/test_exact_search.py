"""Exact search over all items against plain loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.candidates import item_index
from runtime.candidates.item_index import exact_search

NOTHING = np.array([], np.int64)


def by_hand(
    queries: np.ndarray, items: np.ndarray, seen: list[np.ndarray], count: int
) -> tuple[list[list[int]], list[list[float]]]:
    """Sort every user's unseen items by descending score, then by row."""
    rows, scores = [], []
    for query, taken in zip(queries, seen, strict=True):
        products = [float(query @ item) for item in items]
        left = sorted(set(range(len(items))) - set(taken.tolist()), key=lambda i: (-products[i], i))
        padding = count - len(left[:count])
        rows.append(left[:count] + [-1] * padding)
        scores.append([products[item] for item in left[:count]] + [-np.inf] * padding)
    return rows, scores


@given(st.data())
def test_retrieval_equals_a_plain_loop(data: st.DataObject) -> None:
    """Small whole numbers make many ties: the same rows, order and scores, in chunks of any size."""
    random = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    users, size = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 30))
    queries = random.integers(-2, 3, (users, 2)).astype(np.float32)
    items = random.integers(-2, 3, (size, 2)).astype(np.float32)
    seen = [random.integers(0, size, random.integers(0, size + 1)) for _ in range(users)]
    count = data.draw(st.integers(1, 40))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(item_index, "CELLS_AT_ONCE", data.draw(st.sampled_from([1, size * 2, 10**6])))
        rows, scores = exact_search(items, queries, count, seen)
    assert rows.dtype == np.int64
    assert scores.dtype == np.float32
    expected_rows, expected_scores = by_hand(queries, items, seen, min(count, size))
    assert rows.tolist() == expected_rows
    assert scores.tolist() == expected_scores


def test_ties_across_the_end_of_the_list_go_by_row() -> None:
    """Of a hundred equal items the first rows are returned, whatever the partition found."""
    queries, items = np.ones((2, 1), np.float32), np.ones((100, 1), np.float32)
    rows, _ = exact_search(items, queries, 3, [NOTHING, np.array([0, 2])])
    assert rows.tolist() == [[0, 1, 2], [1, 3, 4]]


def test_a_user_who_has_seen_everything_gets_nothing() -> None:
    """The tail is -1 with a score of -inf, and no seen item fills it."""
    items = np.array([[3.0], [2.0], [1.0]], np.float32)
    queries = np.ones((2, 1), np.float32)
    rows, scores = exact_search(items, queries, 3, [np.arange(3), np.array([0])])
    assert rows.tolist() == [[-1, -1, -1], [1, 2, -1]]
    assert scores.tolist() == [[-np.inf] * 3, [2.0, 1.0, -np.inf]]
