"""Seen items: each once, bounded for what reads them, and never shown, however many there are."""

import numpy as np
import pytest

from runtime.candidates.item_index import build_index
from runtime.candidates.ranker_features import RankerFeatures
from runtime.candidates.retrieval import CandidateRetrieval, Wanted, kept_candidates
from runtime.candidates.seen import READ, distinct, newest, packed, unpacked, with_newer

#: More items than any user's search may be widened by.
ITEMS, CANDIDATES = 3 * READ, 20


def test_an_item_counts_once_where_it_comes_last() -> None:
    """The order of the others stays; newer items go to the end, unknown ones nowhere."""
    assert distinct("abacb") == ["a", "c", "b"]
    assert distinct([]) == []
    seen = np.array([5, 3, 9], np.int64)
    assert with_newer(seen, [3, -1, 7], 10).tolist() == [5, 9, 3, 7]
    assert with_newer(seen, [-1], 10) is seen
    assert with_newer(seen[:0], [4], 10).tolist() == [4]


def test_rows_are_packed_in_four_bytes_each() -> None:
    """Unknown items are left out; an empty list is no bytes."""
    assert packed([70_000, -1, 0]) == (70_000).to_bytes(4, "little") + bytes(4)
    assert unpacked(packed([70_000, -1, 0])).tolist() == [70_000, 0]
    assert (packed([]), unpacked(b"").tolist()) == (b"", [])


def test_generators_and_ranker_features_read_the_newest() -> None:
    """An item that came long before makes no difference to them."""
    rows = np.arange(READ + 5)
    assert newest(rows).tolist() == rows[5:].tolist()
    assert newest(np.array([2, -1, 1])).tolist() == [2, 1]
    # Only item 0, which is no longer read, leads to item 7.
    arrays = {
        "linear_rows.npy": np.where(np.arange(ITEMS)[:, None] == 0, 7, 8),
        "linear_weights.npy": np.full((ITEMS, 1), 0.5, np.float32),
        "linear_recency.npy": np.ones(1, np.float32),
    }
    features = RankerFeatures(["activity", "linear"], ITEMS, arrays.__getitem__)
    scores = np.zeros((1, 2), np.float32)
    made = features.compute(np.array([[7, 8]]), [rows], [rows], scores)
    assert made["activity"][0].tolist() == pytest.approx([np.log1p(READ)] * 2)
    assert made["linear"][0].tolist() == [0.0, 0.5 * READ]


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("filtered", [False, True])
def test_whoever_has_seen_very_much_gets_the_best_of_the_rest(
    absolute: bool, filtered: bool
) -> None:
    """As a comparison with every item finds it; no list is longer than for an ordinary user."""
    random = np.random.default_rng(3)
    items = random.normal(size=(ITEMS, 4)).astype(np.float32)
    queries = random.normal(size=(2, 4)).astype(np.float32)
    seen = [random.permutation(ITEMS)[: 2 * READ], np.array([4, -1, 2])]
    wanted = Wanted.but_hidden(seen, seen, seen)
    if filtered:
        wanted.allowed[0] = np.arange(ITEMS) % 2 == 0
    found = CandidateRetrieval(
        build_index(items, "exact").faiss_index,
        items,
        dict[str, np.ndarray]().__getitem__,
        candidates=CANDIDATES,
        absolute=absolute,
    ).retrieve(queries, wanted)
    assert found.rows.shape[1] <= CANDIDATES + 2
    rows, _ = kept_candidates(found.rows, found.scores, seen, wanted.allowed, ITEMS, CANDIDATES)
    products = queries @ items.T
    products = np.abs(products) if absolute else products
    for user, blocked in enumerate(seen):
        products[user, blocked[blocked >= 0]] = -np.inf
        if wanted.allowed[user] is not None:
            products[user, ~wanted.allowed[user]] = -np.inf
    assert rows.tolist() == np.argsort(-products, axis=1)[:, :CANDIDATES].tolist()


def test_generators_of_whoever_has_seen_very_much_skip_it() -> None:
    """No generator wastes its turns on what the user has seen long ago."""
    items, seen = np.ones((ITEMS, 1), np.float32), [np.arange(READ + 10)]
    arrays = {
        # Every item leads to two seen ones and to a new one.
        "linear_rows.npy": np.tile([0, 1, ITEMS - 1], (ITEMS, 1)),
        "linear_weights.npy": np.tile(np.array([9, 8, 7], np.float32), (ITEMS, 1)),
        "linear_recency.npy": np.ones(1, np.float32),
    }
    found = CandidateRetrieval(
        build_index(items, "exact").faiss_index,
        items,
        arrays.__getitem__,
        candidates=4,
        generators=("two-tower", "linear"),
    ).retrieve(np.ones((1, 1), np.float32), Wanted.but_hidden(seen, seen, seen))
    assert ITEMS - 1 in found.rows[0]
    assert found.rows[0].min() >= READ + 10
