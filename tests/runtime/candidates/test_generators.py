"""The candidate generators, and how their lists are merged."""

from pathlib import Path

import faiss
import numpy as np
import pytest

from runtime.candidates.catalogue import Catalogue
from runtime.candidates.generators import (
    ALS_FACTORS,
    ALS_FOLDING,
    LINEAR_RECENCY,
    LINEAR_ROWS,
    LINEAR_WEIGHTS,
    POPULARITY,
    REPEAT_WEIGHTS,
    TRANSITION_RECENCY,
    TRANSITION_ROWS,
    TRANSITION_WEIGHTS,
    AlternatingLeastSquares,
    Linear,
    Popularity,
    Repeat,
    Transitions,
)
from runtime.candidates.ranker_features import RankerFeatures
from runtime.candidates.retrieval import interleave
from runtime.candidates.z_scores import z_scores
from runtime.operators.retrieve import Retrieve, RetrieveConfig
from runtime.release import EMBEDDINGS, Release
from runtime.stores.sqlite_store import SqliteFeatureStore

#: Five items. Item 0 leads to 1 and 2, item 1 to 2 and away from 3, item 2 to nothing.
ROWS = np.array([[1, 2], [2, 3], [-1, -1], [0, 4], [0, 1]], np.int32)
WEIGHTS = np.array([[0.5, 0.25], [0.5, -1.0], [0, 0], [0.1, 0.1], [0.2, 0.2]], np.float32)
COUNTS = np.array([3, 9, 9, 1, 4], np.float32)
NOBODY = np.zeros(0, np.int64)


def arrays(name: str) -> np.ndarray:
    factors = np.eye(5, 3, dtype=np.float32)
    return {
        LINEAR_ROWS: ROWS,
        LINEAR_WEIGHTS: WEIGHTS,
        LINEAR_RECENCY: np.ones(1, np.float32),
        TRANSITION_ROWS: ROWS,
        TRANSITION_WEIGHTS: WEIGHTS,
        TRANSITION_RECENCY: np.array([1, 0.5, 0.25], np.float32),
        POPULARITY: COUNTS,
        REPEAT_WEIGHTS: np.array([1, 0.5, 0.25], np.float32),
        ALS_FACTORS: factors,
        ALS_FOLDING: np.eye(3, dtype=np.float32),
    }[name]


def test_the_linear_generator_adds_up_what_a_past_leads_to() -> None:
    """Items 0 and 1 lead to 2 with 0.25 + 0.5, to 1 with 0.5; items with negative scores are not returned."""
    rows, scores = Linear(5, arrays).best(np.array([0, 1]), 5)
    assert rows.tolist() == [2, 1]
    assert scores.tolist() == [0.75, 0.5]
    rows, _ = Linear(5, arrays).best(np.array([0, 1]), 5, np.array([1, 1, 0, 1, 1], bool))
    assert rows.tolist() == [1]
    assert Linear(5, arrays).best(NOBODY, 5)[0].tolist() == []


def test_transitions_count_the_latest_most() -> None:
    """Item 1, the latest, leads to 2 with 0.5; item 0 leads there and to 1 with half its weights."""
    rows, scores = Transitions(5, arrays).best(np.array([0, 1]), 5)
    assert rows.tolist() == [2, 1]
    assert scores.tolist() == [0.5 + 0.25 / 2, 0.5 / 2]
    features = RankerFeatures(["transitions", "linear"], 5, arrays)
    made = features.compute(np.array([[1, 2]]), [np.array([0, 1])], [NOBODY], np.zeros((1, 2)))
    assert made["transitions"][0].tolist() == [0.25, 0.625]
    assert made["linear"][0].tolist() == [0.5, 0.75]


def test_equal_scores_stand_in_the_order_of_rows() -> None:
    """Item 3 leads to 0 and 4 alike; if only one of them may stay, it is 0."""
    assert Linear(5, arrays).best(np.array([3]), 5)[0].tolist() == [0, 4]
    assert Linear(5, arrays).best(np.array([3]), 1)[0].tolist() == [0]


def test_least_squares_by_hand() -> None:
    """Factors are unit vectors: (I + e0 e0') x = e0 has the solution e0 / 2, for which item 0 scores 1/2."""
    rows, scores = AlternatingLeastSquares(5, arrays).best(np.array([0]), 2)
    assert rows.tolist() == [0, 1]
    assert scores.tolist() == [0.5, 0.0]
    assert AlternatingLeastSquares(5, arrays).best(NOBODY, 2)[0].tolist() == []


def test_popularity_is_for_those_without_a_past() -> None:
    """Items 1 and 2 are equally popular, and keep the order of rows."""
    generator = Popularity(5, arrays)
    assert generator.best(NOBODY, 3)[0].tolist() == [1, 2, 4]
    assert generator.best(NOBODY, 3, np.array([1, 0, 1, 1, 1], bool))[0].tolist() == [2, 4, 0]
    assert generator.best(np.array([3]), 3)[0].tolist() == []


def test_own_items_count_by_how_often_and_how_recently() -> None:
    """The latest has weight 1, then 0.5, and all before 0.25: 3 has 0.25 + 0.5, 1 has 1, 2 and 0 0.25."""
    past = np.array([2, 3, 0, 3, 1])
    rows, scores = Repeat(5, arrays).best(past, 5)
    assert rows.tolist() == [1, 3, 0, 2]
    assert scores.tolist() == [1.0, 0.75, 0.25, 0.25]
    assert Repeat(5, arrays).best(past, 1)[0].tolist() == [1]
    rows, _ = Repeat(5, arrays).best(past, 5, np.array([1, 0, 1, 1, 1], bool))
    assert rows.tolist() == [3, 0, 2]
    assert Repeat(5, arrays).best(NOBODY, 5)[0].tolist() == []


def test_the_number_of_own_items_is_their_score() -> None:
    """The ranker feature of a candidate is the generator's score, 0 if the user never had it."""
    past, seen = [np.array([2, 3, 0, 3, 1]), NOBODY], [np.array([2, 0, 3, 1]), NOBODY]
    candidates = np.array([[4, 3, 1, -1, 2], [0, 1, 2, 3, 4]])
    features = RankerFeatures(["repeat", "repeat_zscore"], 5, arrays)
    found = features.compute(candidates, seen, past, np.zeros((2, 5), np.float32))
    assert found["repeat"][0, [0, 1, 2, 4]].tolist() == [0, 0.75, 1.0, 0.25]
    assert not found["repeat"][1].any()
    expected = z_scores(np.array([0, 0.75, 1.0, 0.25], np.float32), np.ones(4, bool))
    np.testing.assert_array_equal(found["repeat_zscore"][0, [0, 1, 2, 4]], expected)


def test_lists_take_turns() -> None:
    """Each item once, at its first turn; a shorter list drops out; -1 is no item."""
    lists = [np.array([7, 3, -1]), np.array([3]), np.array([5, 7, 8, 9])]
    assert interleave(lists, 10).tolist() == [7, 3, 5, 8, 9]
    assert interleave(lists, 2).tolist() == [7, 3]
    assert interleave([], 3).tolist() == []


def test_a_z_score_is_in_standard_deviations() -> None:
    """1, 3 and 5 have mean 3 and deviation sqrt(8/3); non-candidates are ignored; equal numbers give 0."""
    found = z_scores(np.array([1, 3, 99, 5], np.float32), np.array([1, 1, 0, 1], bool))
    spread = np.sqrt(8 / 3)
    np.testing.assert_allclose(found, [-2 / spread, 0, 0, 2 / spread], rtol=1e-6)
    assert z_scores(np.full(3, 0.1, np.float32), np.ones(3, bool)).tolist() == [0, 0, 0]


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """Five items on a line; the two-tower model scores the last one highest."""
    Catalogue.write(tmp_path, list("abcde"))
    line = np.arange(5, dtype=np.float32)[:, None]
    np.save(tmp_path / EMBEDDINGS, line)
    index = faiss.IndexFlatIP(1)
    index.add(line)
    faiss.write_index(index, str(tmp_path / "index.faiss"))
    for name in (LINEAR_ROWS, LINEAR_WEIGHTS, LINEAR_RECENCY, POPULARITY, REPEAT_WEIGHTS):
        np.save(tmp_path / name, arrays(name))
    return Release(tmp_path, SqliteFeatureStore(tmp_path / "store.sqlite"))


def retrieved(
    release: Release,
    users: int,
    generators: tuple[str, ...] = ("two-tower", "linear", "popularity"),
    **changed: np.ndarray,
) -> dict[str, np.ndarray]:
    """What some users get; all that they have seen is hidden, unless ``hidden_rows`` differ."""
    columns = {
        "search_vector": np.ones((users, 1), np.float32),
        "similar_rows": np.full(users, -1),
        "seen_rows": np.full((users, 1), -1),
        "recent_rows": changed.get("seen_rows", np.zeros((users, 0), np.int64)),
        "hidden_rows": changed.get("seen_rows", np.full((users, 1), -1)),
        "excluded_rows": np.zeros((users, 0), np.int64),
        "requested_rows": np.zeros((users, 0), np.int64),
        "candidates_requested": np.zeros(users, bool),
        "allowed": np.full(users, None),
        "pinned_rows": np.zeros((users, 0), np.int64),
    }
    config = RetrieveConfig(candidates=2, generators=generators)
    return Retrieve(config, release).run(columns | changed)


def test_retrieval_merges_its_generators(release: Release) -> None:
    """User 0 has item 0, which leads to 1 and 2; user 1, without a history, gets 4 and the most popular."""
    found = retrieved(release, 2, seen_rows=np.array([[0], [-1]]))
    assert found["retrieved_rows"].tolist() == [[4, 1, 3], [4, 1, -1]]
    # All scores are inner products, whichever generator returned the item.
    assert found["retrieval_scores"][0].tolist() == [4, 1, 3]
    # By generator: the two-tower model returned 4, 3 and 2, the linear one 1 and 2.
    assert found["generator_ranks"][0].tolist() == [[1, 0, 0], [0, 1, 0], [2, 0, 0]]
    assert found["generator_scores"][0].tolist() == [[4, 0, 0], [0, 0.5, 0], [3, 0, 0]]
    assert found["generator_ranks"][1].tolist() == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_a_user_gets_the_same_alone(release: Release) -> None:
    """A user's candidates do not depend on the other users of the batch."""
    seen = np.array([[0], [-1], [3]])
    together = retrieved(release, 3, seen_rows=seen)
    for user in range(3):
        alone = retrieved(release, 1, seen_rows=seen[user : user + 1])
        width = alone["retrieved_rows"].shape[1]
        for name in ("retrieved_rows", "retrieval_scores", "generator_ranks", "generator_scores"):
            assert together[name][user, :width].tobytes() == alone[name][0].tobytes(), name


def test_named_items_and_likeness_have_one_generator(release: Release) -> None:
    """A request with its own candidates, or with an item to resemble, uses no other generator."""
    given = retrieved(
        release,
        1,
        seen_rows=np.array([[0]]),
        candidates_requested=np.array([True]),
        requested_rows=np.array([[2, 0]]),
    )
    assert given["retrieved_rows"].tolist() == [[2, 0]]
    alike = retrieved(release, 1, seen_rows=np.array([[0]]), similar_rows=np.array([3]))
    assert alike["retrieved_rows"].tolist() == [[4, 3, 2]]


def test_own_items_are_candidates_unless_they_are_hidden(release: Release) -> None:
    """The user had 0 twice and 1 last; the two-tower model takes turns, and its 4 is first."""
    past, seen, nothing = np.array([[0, 0, 1]]), np.array([[0, 1]]), np.zeros((1, 0), np.int64)
    generators = ("two-tower", "repeat")
    found = retrieved(release, 1, generators, seen_rows=seen, recent_rows=past, hidden_rows=nothing)
    assert found["retrieved_rows"].tolist() == [[4, 1]]
    assert found["generator_scores"][0].tolist() == [[4, 0], [0, 1]]
    hidden = retrieved(release, 1, generators, seen_rows=seen, recent_rows=past)
    assert hidden["retrieved_rows"][0].tolist() == [4, 3, 2, -1]


def test_no_generator_brings_what_the_filter_forbids(release: Release) -> None:
    """Item 1, the linear generator's best, is not allowed; its next best is."""
    allowed = np.full(1, None)
    allowed[0] = np.array([1, 0, 1, 1, 1], bool)
    found = retrieved(release, 1, seen_rows=np.array([[0]]), allowed=allowed)
    assert found["retrieved_rows"][0].tolist() == [4, 2, 3]


def test_generators_read_the_history_and_hide_what_is_seen(release: Release) -> None:
    """An item of the history may be shown again if it does not count as seen; another may be hidden."""
    found = retrieved(release, 1, seen_rows=np.array([[0]]), hidden_rows=np.array([[1]]))
    assert found["retrieved_rows"].tolist()[0][:2] == [4, 2]
