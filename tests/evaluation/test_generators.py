"""The generators' own lists and their blend, by hand."""

import numpy as np

from evaluation.generators import generator_lists
from runtime.plan import Trace

# Retrieved 4, 7, 2, 9; 7 was seen. The two-tower model ranks 4 and 2 before 9, the linear one 9, then 2.
TRACE = Trace(
    np.array([[4, 7, 2, 9]]),
    np.array([[4, 2, 9]]),
    np.zeros((1, 3)),
    np.array([[2]]),
    np.array([[[1, 0], [2, 1], [3, 3], [4, 2]]]),
    np.array([[[5.0, 0.0], [4.0, 9.0], [3.9, 6.0], [1.0, 8.0]]]),
)


def test_each_source_has_its_own_order() -> None:
    """By its ranks among the items that may be shown; the linear generator did not return 4."""
    lists = generator_lists(TRACE, ("two-tower", "linear"), 3)
    assert lists["retrieval"].tolist() == [[4, 2, 9]]
    assert lists["linear generator"].tolist() == [[9, 2, -1]]


def test_the_blend_adds_up_standard_scores() -> None:
    """Item 4, which the linear generator did not return, gets the score of its last: 6."""
    first, second = np.array([5.0, 3.9, 1.0]), np.array([6.0, 6.0, 8.0])
    total = (first - first.mean()) / first.std() + (second - second.mean()) / second.std()
    expected = np.array([4, 2, 9])[np.argsort(-total)]
    lists = generator_lists(TRACE, ("two-tower", "linear"), 2)
    assert lists["blend"].tolist() == [expected[:2].tolist()]


def test_one_source_is_the_candidates_themselves() -> None:
    """Without further generators there is nothing to blend."""
    alone = Trace(TRACE.retrieved_rows, TRACE.candidate_rows, TRACE.ranker_scores, TRACE.item_rows)
    lists = generator_lists(alone, ("two-tower",), 2)
    assert list(lists) == ["retrieval"]
    assert lists["retrieval"].tolist() == [[4, 2]]


def test_a_source_that_brought_nothing_says_nothing() -> None:
    """Without a history the linear generator returns nothing: the blend is the two-tower model's order."""
    ranks = TRACE.generator_ranks * np.array([1, 0]) if TRACE.generator_ranks is not None else None
    trace = Trace(
        TRACE.retrieved_rows,
        TRACE.candidate_rows,
        TRACE.ranker_scores,
        TRACE.item_rows,
        ranks,
        TRACE.generator_scores,
    )
    lists = generator_lists(trace, ("two-tower", "linear"), 3)
    assert "linear generator" not in lists
    assert lists["blend"].tolist() == [[4, 2, 9]]
