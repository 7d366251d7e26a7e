"""Single operators on hand-written inputs."""

from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest

from runtime.candidates.catalogue import Catalogue
from runtime.candidates.exclusion import Exclude
from runtime.operators.allow_items import HideSeen, HideSeenConfig
from runtime.operators.filter_candidates import FilterCandidates, FilterCandidatesConfig
from runtime.operators.operator import Config
from runtime.operators.order import Order, OrderConfig
from runtime.operators.retrieve import Retrieve, RetrieveConfig, TakeCatalogue
from runtime.release import EMBEDDINGS, Release
from runtime.stores.sqlite_store import SqliteFeatureStore

#: Five items on a line: for the query [1], item 4 is the best and item 0 the worst.
LINE = np.arange(5, dtype=np.float32)[:, None]
#: Every item is allowed, for one user and for two.
ANYTHING, ANYTHINGS = np.array([None]), np.array([None, None])
NOTHING = np.zeros((1, 0), dtype=np.int64)
INFINITE = np.inf
NO_PINS: dict[str, np.ndarray] = {
    "pinned_rows": NOTHING,
    "pinned_scores": NOTHING.astype(np.float32),
}


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """A release of five items, a to e."""
    Catalogue.write(tmp_path, list("abcde"))
    np.save(tmp_path / EMBEDDINGS, LINE)
    index = faiss.IndexFlatIP(1)
    index.add(LINE)
    faiss.write_index(index, str(tmp_path / "index.faiss"))
    return Release(tmp_path, SqliteFeatureStore(tmp_path / "store.sqlite"))


def _retrieve(release: Release, queries: list[float], seen: np.ndarray) -> dict[str, np.ndarray]:
    columns = {
        "search_vector": np.array(queries, dtype=np.float32)[:, None],
        "seen_rows": seen,
        "recent_rows": seen,
        "hidden_rows": seen,
        "excluded_rows": np.zeros((len(queries), 0), dtype=np.int64),
        "requested_rows": np.zeros((len(queries), 0), dtype=np.int64),
        "candidates_requested": np.zeros(len(queries), dtype=bool),
        "similar_rows": np.full(len(queries), -1),
        "allowed": np.full(len(queries), None),
        "pinned_rows": np.zeros((len(queries), 0), np.int64),
    }
    return Retrieve(RetrieveConfig(candidates=2), release).run(columns)


def test_retrieval_finds_the_largest_inner_products(release: Release) -> None:
    """Best first, with scores; each user gets a separate result."""
    seen = np.zeros((2, 0), dtype=np.int64)
    found = _retrieve(release, [1.0, -1.0], seen)
    assert found["retrieved_rows"].tolist() == [[4, 3], [0, 1]]
    assert found["retrieval_scores"].tolist() == [[4.0, 3.0], [0.0, -1.0]]


def test_retrieval_fetches_more_for_whoever_has_seen_more(release: Release) -> None:
    """A user who has seen two items gets two more; the other user's row is padded."""
    found = _retrieve(release, [1.0, 1.0], np.array([[4, 3], [-1, -1]]))
    assert found["retrieved_rows"].tolist() == [[4, 3, 2, 1], [4, 3, -1, -1]]
    assert found["retrieval_scores"][1, 2:].tolist() == [-INFINITE, -INFINITE]


def test_retrieval_never_asks_for_more_than_there_is(release: Release) -> None:
    """A user who has seen the whole catalogue gets the whole catalogue, and no -1 from FAISS."""
    found = _retrieve(release, [1.0], np.array([[0, 1, 2, 3, 4]]))
    assert found["retrieved_rows"].tolist() == [[4, 3, 2, 1, 0]]


def test_absolute_retrieval_counts_either_sign(release: Release) -> None:
    """The opposite query finds the same items, by the absolute product alone."""
    columns: dict[str, np.ndarray] = {
        "search_vector": np.array([[1.0], [-1.0]], dtype=np.float32),
        **{
            name: np.zeros((2, 0), np.int64)
            for name in (
                *("seen_rows", "recent_rows", "hidden_rows", "excluded_rows"),
                *("requested_rows", "pinned_rows"),
            )
        },
        "candidates_requested": np.zeros(2, dtype=bool),
        "similar_rows": np.full(2, -1),
        "allowed": ANYTHINGS,
    }
    found = Retrieve(RetrieveConfig(candidates=5, absolute=True), release).run(columns)
    assert found["retrieved_rows"].tolist() == [[4, 3, 2, 1, 0]] * 2
    assert found["retrieval_scores"].tolist() == [[4.0, 3.0, 2.0, 1.0, 0.0]] * 2


def test_named_candidates_are_scored_and_nothing_is_retrieved(release: Release) -> None:
    """One user names items, one of them unknown; the other user's retrieval is unchanged."""
    columns: dict[str, np.ndarray] = {
        "search_vector": np.array([[2.0], [1.0]], dtype=np.float32),
        "similar_rows": np.full(2, -1),
        "seen_rows": np.zeros((2, 0), np.int64),
        "recent_rows": np.zeros((2, 0), np.int64),
        "hidden_rows": np.zeros((2, 0), np.int64),
        "excluded_rows": np.zeros((2, 0), np.int64),
        "requested_rows": np.array([[1, -1, 3], [-1, -1, -1]]),
        "candidates_requested": np.array([True, False]),
        "allowed": ANYTHINGS,
        "pinned_rows": np.zeros((2, 0), np.int64),
    }
    found = Retrieve(RetrieveConfig(candidates=2), release).run(columns)
    assert found["retrieved_rows"].tolist() == [[1, -1, 3], [4, 3, -1]]
    assert found["retrieval_scores"][0].tolist() == [2.0, -INFINITE, 6.0]
    every = TakeCatalogue(Config(), release).run(columns)
    assert every["retrieved_rows"].tolist() == [[1, -1, 3, -1, -1], [0, 1, 2, 3, 4]]
    named = {
        "requested_rows": np.array([[3]]),
        "candidates_requested": np.array([True]),
        "pinned_rows": NOTHING,
    }
    assert TakeCatalogue(Config(), release).run(named)["retrieved_rows"].tolist() == [[3]]


def _hidden(release: Release, exclude: Exclude, seen: list[list[int]], **asked: bool) -> list[Any]:
    columns = {"had_rows": np.empty(len(seen), dtype=object)}
    for user, rows in enumerate(seen):
        columns["had_rows"][user] = np.array(rows, np.int64)
    for name in ("include_seen", "candidates_requested"):
        columns[name] = np.full(len(seen), asked.get(name, False))
    hidden = HideSeen(HideSeenConfig(exclude), release).run(columns)["hidden_rows"]
    return [sorted(row.tolist()) for row in hidden]


def test_seen_items_are_hidden_unless_the_recipe_or_the_request_shows_them(
    release: Release,
) -> None:
    """None are hidden from candidates that the request names."""
    seen = [[3, 1], []]
    assert _hidden(release, "all", seen) == [[1, 3], []]
    assert _hidden(release, (), seen) == [[], []]
    assert _hidden(release, "all", seen, include_seen=True) == [[], []]
    assert _hidden(release, "all", seen, candidates_requested=True) == [[], []]


def test_filtering_leaves_out_hidden_and_excluded(release: Release) -> None:
    """One user's hidden items do not affect another user; the order stays; the tail is padded."""
    filtered = FilterCandidates(FilterCandidatesConfig(candidates=3), release).run(
        {
            "retrieved_rows": np.array([[4, 3, 2, 1], [4, 3, -1, -1]]),
            "retrieval_scores": np.array([[8, 7, 6, 5], [8, 7, -INFINITE, -INFINITE]], np.float32),
            "hidden_rows": np.array([[3, -1], [-1, -1]]),
            "excluded_rows": np.array([[-1], [4]]),
            "candidates_requested": np.array([False, False]),
            "allowed": ANYTHINGS,
            **NO_PINS,
        }
    )
    assert filtered["candidate_rows"].tolist() == [[4, 2, 1], [3, -1, -1]]
    assert filtered["candidate.retrieval_score"].tolist() == [
        [8.0, 6.0, 5.0],
        [7.0, -INFINITE, -INFINITE],
    ]


def test_filtering_widens_to_the_number_of_candidates(release: Release) -> None:
    """With fewer retrieved than candidates, the output still has its declared width."""
    filtered = FilterCandidates(FilterCandidatesConfig(candidates=4), release).run(
        {
            "retrieved_rows": np.array([[2, 1]]),
            "retrieval_scores": np.array([[1, 0.5]], np.float32),
            "hidden_rows": NOTHING,
            "excluded_rows": NOTHING,
            "candidates_requested": np.array([False]),
            "allowed": ANYTHING,
            **NO_PINS,
        }
    )
    assert filtered["candidate_rows"].tolist() == [[2, 1, -1, -1]]
    assert filtered["candidate.retrieval_score"].dtype == np.float32


def _ordered(
    release: Release, rows: list[list[int]], scores: list[list[float]], top_k: list[int]
) -> dict[str, np.ndarray]:
    matrix = np.array(scores, dtype=np.float32)
    return Order(OrderConfig(retrieves=True), release).run(
        {
            "candidate_rows": np.array(rows),
            "final_scores": matrix,
            "ordering_scores": matrix,
            "top_k": np.array(top_k),
            "diversity": np.zeros(len(rows)),
            "active_rules": np.full(len(rows), None),
        }
    )


def test_order_is_by_score_then_by_id(release: Release) -> None:
    """Equal scores are ordered by id; each user's own top_k applies; the tail is empty."""
    ordered = _ordered(
        release, [[3, 1, 2], [4, 0, -1]], [[0.5, 0.5, 0.9], [0.1, -0.2, -INFINITE]], [2, 3]
    )
    assert ordered["item_ids"].tolist() == [["c", "b", ""], ["e", "a", ""]]
    assert ordered["item_rows"].tolist() == [[2, 1, -1], [4, 0, -1]]
    assert ordered["scores"].tolist() == [
        [pytest.approx(0.9), 0.5, -INFINITE],
        [pytest.approx(0.1), pytest.approx(-0.2), -INFINITE],
    ]


def test_order_is_as_wide_as_the_largest_top_k(release: Release) -> None:
    """A request for more items than candidates gets a longer tail, not a narrower matrix."""
    ordered = _ordered(release, [[3]], [[0.5]], [4])
    assert ordered["item_ids"].tolist() == [["d", "", "", ""]]


def test_a_candidate_scored_minus_infinity_is_still_an_item(release: Release) -> None:
    """A missing candidate never ranks above a real one, however low its score."""
    ordered = _ordered(release, [[-1, 3]], [[-INFINITE, -INFINITE]], [2])
    assert ordered["item_ids"].tolist() == [["d", ""]]
