"""The funnel stage by stage, on a small trace."""

import math
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from evaluation.funnel_picture import draw_funnel
from evaluation.stages import Passage, kept, passage
from runtime.plan import Trace

#: User 0: of seven retrieved items, 1 and 3 may not be shown, 6 and 7 are cut off.
#: User 1: few were retrieved, and one of them may not be shown.
TRACE = Trace(
    retrieved_rows=np.array([[1, 2, 3, 4, 5, 6, 7], [1, 8, 9, -1, -1, -1, -1]]),
    candidate_rows=np.array([[2, 4, 5], [1, 9, -1]]),
    ranker_scores=np.array([[0.1, 0.2, 0.3], [0.1, 0.2, -np.inf]], np.float32),
    item_rows=np.array([[5, 4], [9, 1]]),
)
RELEVANT = [np.array([3, 5, 6, 50]), np.array([9])]


@pytest.fixture
def found() -> Passage:
    return passage(TRACE, RELEVANT, 2, 60, unranked=TRACE.candidate_rows)


def test_the_share_of_relevant_items_left_after_each_stage() -> None:
    """User 0 retrieves 3, 5 and 6 of four relevant items and keeps 5; user 1 keeps the only one."""
    assert kept(TRACE, RELEVANT, 2) == {
        "retrieved": (3 / 4 + 1) / 2,
        "filtered": (1 / 4 + 1) / 2,
        "ordered@2": (1 / 4 + 1) / 2,
    }
    # At depth 1: 5 and 9 come first.
    assert kept(TRACE, RELEVANT, 1)["ordered@1"] == (1 / 4 + 1) / 2


def test_how_many_items_are_left(found: Passage) -> None:
    """Padding does not count."""
    assert found.items == {"catalogue": 60, "retrieved": 5, "filtered": 2.5, "ordered@2": 2}


def test_what_may_not_be_shown_is_told_from_what_found_no_room(found: Passage) -> None:
    """Of ten retrieved items 1, 3 and 8 are filtered out, 6 and 7 cut off; 3 and 6 are relevant."""
    filtering = found.filtering
    assert (filtering.filtered_out, filtering.cut_off) == (3 / 10, 2 / 10)
    assert (filtering.relevant_filtered_out, filtering.relevant_cut_off) == (1 / 4, 1 / 4)


def test_nothing_is_cut_off_where_there_is_room() -> None:
    """The last retrieved item is no candidate although there is room: it was filtered out."""
    trace = Trace(
        np.array([[1, 2, 3]]), np.array([[1, 2, -1]]), np.zeros((1, 3)), np.array([[1, 2]])
    )
    filtering = passage(trace, [np.array([3])], 2, 9, unranked=None).filtering
    assert (filtering.relevant_filtered_out, filtering.relevant_cut_off) == (1.0, 0.0)


def test_retrieval_is_judged_on_its_candidates_in_its_own_order() -> None:
    """recall@100 if there are as many candidates, else as deep as they go."""
    wide = np.arange(150)[None, :]
    trace = Trace(wide, wide, np.zeros((1, 150)), wide[:, :10])
    found = passage(trace, [np.array([98, 99, 100, 149])], 10, 1000, unranked=None)
    assert (found.retrieval_depth, found.retrieval_recall) == (100, 2 / 4)
    narrow = passage(TRACE, RELEVANT, 2, 60, unranked=None)
    assert (narrow.retrieval_depth, narrow.retrieval_recall) == (3, (1 / 4 + 1) / 2)


def test_the_lift_is_what_the_rankers_order_gains(found: Passage) -> None:
    """5 moves from third to first place, 9 from second to first."""
    second, best = 1 / math.log2(3), 1 / (1 + 1 / math.log2(3))
    lift = found.lift
    assert lift is not None
    assert lift.as_retrieved == pytest.approx((0 + second) / 2)
    assert lift.as_ranked == pytest.approx((best + 1) / 2)
    gains = [best, 1 - second]
    assert lift.difference == pytest.approx(sum(gains) / 2)
    assert lift.standard_error == pytest.approx(abs(gains[0] - gains[1]) / 2)


def test_no_order_is_better_than_the_best_one() -> None:
    """Relevant candidates first; items that retrieval missed stay out of reach."""
    reversed_order = Trace(
        np.array([[1, 2, 3]]), np.array([[1, 2, 3]]), np.zeros((1, 3)), np.array([[1, 2, 3]])
    )
    order = reversed_order.candidate_rows
    lift = passage(reversed_order, [np.array([3, 77])], 3, 9, unranked=order).lift
    assert lift is not None
    assert lift.as_ranked == pytest.approx(0.5 / (1 + 1 / math.log2(3)))
    assert lift.in_best_order == pytest.approx(1 / (1 + 1 / math.log2(3)))
    assert (lift.difference, lift.standard_error) == (0.0, None)


def test_one_stage_alone_has_no_lift() -> None:
    """Without a retriever or a ranker there are no two orders to compare."""
    assert passage(TRACE, RELEVANT, 2, 60, unranked=None).lift is None


@pytest.mark.parametrize("two_stages", [True, False])
def test_the_picture_shows_the_shares(two_stages: bool, tmp_path: Path) -> None:
    """A smaller share has a shorter bar, hence fewer blue pixels."""
    unranked = TRACE.candidate_rows if two_stages else None
    made = passage(TRACE, RELEVANT, 2, 60, unranked=unranked)

    def blue(shares: dict[str, float]) -> int:
        path = tmp_path / "funnel.png"
        draw_funnel(shares, made, path)
        pixels = imread(path)[..., :3]
        return int((pixels[..., 2] > pixels[..., 0] + 0.2).sum())

    stages = ("retrieved", "filtered", "ordered@2")
    much = blue(dict(zip(stages, (0.9, 0.8, 0.7), strict=True)))
    little = blue(dict(zip(stages, (0.3, 0.2, 0.1), strict=True)))
    assert much > 1.3 * little > 0
    assert [path.name for path in tmp_path.iterdir()] == ["funnel.png"]
