"""The item index, exact and approximate."""

from pathlib import Path

import faiss
import numpy as np
import pytest

from ensemble.releases.export import export
from metrics import ranking
from runtime import manifest, plan
from runtime.candidates.inner_products import inner_products
from runtime.candidates.item_index import build_index, exact_search, search
from runtime.stores.sqlite_store import SqliteFeatureStore
from tests.ensemble.synthetic import RECIPE, write_artifacts


def test_a_small_catalogue_is_searched_exactly() -> None:
    """`auto` picks exhaustive search below its limit; a small catalogue is never approximated."""
    embeddings = np.eye(4, dtype=np.float32)
    assert build_index(embeddings, "auto").kind == "exact"
    assert build_index(embeddings, "approximate").kind == "exact"
    assert exact_search(embeddings, embeddings[2:3], 1)[0].tolist() == [[2]]


@pytest.mark.parametrize("dimension", [16, 7])
def test_the_approximate_index_finds_nearly_what_exact_search_finds(dimension: int) -> None:
    """It finds 95 of 100 clustered vectors of many lengths, ordered by exact inner product."""
    embeddings = _embeddings(dimension)
    queries = embeddings[:50] + 0.1
    index = build_index(embeddings, "approximate").faiss_index
    rows, scores = search(index, embeddings, queries, 100)
    assert ranking.recall(rows, list(exact_search(embeddings, queries, 100)[0]), 100).mean() >= 0.95
    of_queries = np.repeat(queries, 100, axis=0)
    products = (embeddings[rows.ravel()] * of_queries).sum(axis=1).reshape(rows.shape)
    assert np.allclose(scores, products, atol=1e-4)
    assert (np.diff(scores, axis=1) <= 0).all()


def test_a_query_is_answered_alike_alone_and_among_others() -> None:
    """Forty queries together get the same answers as each one alone."""
    embeddings = _embeddings(16)
    queries = embeddings[:40]
    index = build_index(embeddings, "approximate").faiss_index
    together = search(index, embeddings, queries, 20)
    for place in range(len(queries)):
        alone = search(index, embeddings, queries[place : place + 1], 20)
        assert np.array_equal(alone[0][0], together[0][place])
        assert np.array_equal(alone[1][0], together[1][place])


def test_the_products_of_named_items_do_not_depend_on_each_other() -> None:
    """Bit for bit the product of each item alone, so the number of threads does not matter."""
    embeddings = _embeddings(64)
    index = build_index(embeddings, "approximate").faiss_index
    rows, scores = search(index, embeddings, embeddings[:20], 100)
    alone = [
        [inner_products(embeddings[[row]], query)[0] for row in found]
        for found, query in zip(rows, embeddings[:20], strict=True)
    ]
    np.testing.assert_array_equal(scores, alone)


@pytest.mark.parametrize("kind", ["exact", "approximate"])
def test_only_items_that_the_selector_lets_through_are_found(kind: str) -> None:
    """If the selector lets fewer items through than requested, -1 and -inf fill the rest."""
    embeddings = _embeddings(16)
    index = build_index(embeddings, kind).faiss_index  # type: ignore[arg-type]
    allowed = [3, 500, 2999]
    selector = faiss.IDSelectorBatch(allowed)
    rows, scores = search(index, embeddings, embeddings[:1], 5, selector, effort=1000.0)
    assert sorted(rows[0, :3].tolist()) == allowed
    assert rows[0, 3:].tolist() == [-1, -1]
    assert scores[0, 3:].tolist() == [-np.inf, -np.inf]


def test_an_approximate_release_serves_and_says_how_good_it_is(tmp_path: Path) -> None:
    """The manifest holds the measured recall, and the loaded plan returns all requested items."""
    recipe = RECIPE.model_copy(
        update={"serving": RECIPE.serving.model_copy(update={"index": "approximate"})}
    )
    artifacts = write_artifacts(tmp_path / "made-up")
    release = export(recipe, artifacts, force=False)
    index = manifest.read(release)["index"]
    assert index["kind"] == "approximate"
    assert 0.9 <= index["recall"] <= 1.0
    served = plan.load(release, SqliteFeatureStore(artifacts.feature_store, read_only=True))
    assert all(served.recommend(["1"], top_k=50).item_ids[0])


def _embeddings(dimension: int) -> np.ndarray:
    """float32 [3000, dimension], around twenty centres."""
    random = np.random.default_rng(3)
    centres = random.normal(size=(20, dimension))
    points = centres[random.integers(0, 20, 3000)] + random.normal(
        scale=0.4, size=(3000, dimension)
    )
    return points.astype(np.float32)
