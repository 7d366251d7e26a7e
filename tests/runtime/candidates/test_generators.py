"""The candidate generators, and how their lists are merged."""

from pathlib import Path

import faiss
import numpy as np
import pytest

from runtime.candidates.catalogue import Catalogue
from runtime.candidates.generators import (
    ALS_FACTORS,
    ALS_FOLDING,
    LINEAR_ROWS,
    LINEAR_WEIGHTS,
    POPULARITY,
    AlternatingLeastSquares,
    Linear,
    Popularity,
)
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
        POPULARITY: COUNTS,
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
    for name in (LINEAR_ROWS, LINEAR_WEIGHTS, POPULARITY):
        np.save(tmp_path / name, arrays(name))
    return Release(tmp_path, SqliteFeatureStore(tmp_path / "store.sqlite"))


def retrieved(release: Release, users: int, **changed: np.ndarray) -> dict[str, np.ndarray]:
    changed = {"had_rows": changed.get("seen_rows", np.full((users, 1), -1)), **changed}
    columns = {
        "search_vector": np.ones((users, 1), np.float32),
        "similar_rows": np.full(users, -1),
        "seen_rows": np.full((users, 1), -1),
        "excluded_rows": np.zeros((users, 0), np.int64),
        "requested_rows": np.zeros((users, 0), np.int64),
        "candidates_requested": np.zeros(users, bool),
        "allowed": np.full(users, None),
    }
    config = RetrieveConfig(candidates=2, generators=("two-tower", "linear", "popularity"))
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


def test_no_generator_brings_what_the_filter_forbids(release: Release) -> None:
    """Item 1, the linear generator's best, is not allowed; its next best is."""
    allowed = np.full(1, None)
    allowed[0] = np.array([1, 0, 1, 1, 1], bool)
    found = retrieved(release, 1, seen_rows=np.array([[0]]), allowed=allowed)
    assert found["retrieved_rows"][0].tolist() == [4, 2, 3]


def test_generators_read_the_history_and_hide_what_is_seen(release: Release) -> None:
    """An item of the history may be shown again if it does not count as seen; another may be hidden."""
    found = retrieved(release, 1, seen_rows=np.array([[0]]), had_rows=np.array([[1]]))
    assert found["retrieved_rows"].tolist()[0][:2] == [4, 2]
