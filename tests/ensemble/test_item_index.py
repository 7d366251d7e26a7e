"""The item index, exact and approximate."""

from pathlib import Path

import numpy as np

from ensemble.export import export
from ensemble.item_index import build_index, exact_rows, recall
from ensemble.runtime import manifest, plan
from ensemble.runtime.sqlite_store import SqliteFeatureStore
from tests.ensemble.synthetic import RECIPE, write_artifacts


def test_recall_is_the_share_of_the_exact_answer() -> None:
    """Order does not matter, a missed item does."""
    assert recall(np.array([[1, 2], [3, 4]]), np.array([[2, 1], [3, 9]])) == 0.75


def test_a_small_catalogue_is_searched_exactly() -> None:
    """`auto` picks exhaustive search below its limit."""
    embeddings = np.eye(4, dtype=np.float32)
    assert build_index(embeddings, "auto").kind == "exact"
    assert exact_rows(embeddings, embeddings[2:3], 1).tolist() == [[2]]


def test_hnsw_finds_nearly_what_exact_search_finds() -> None:
    """On clustered vectors HNSW recalls at least 95 of 100."""
    random = np.random.default_rng(3)
    centres = random.normal(size=(20, 16))
    points = centres[random.integers(0, 20, 3000)] + random.normal(scale=0.4, size=(3000, 16))
    embeddings = points.astype(np.float32)
    queries = embeddings[:50] + 0.1
    index = build_index(embeddings, "hnsw").faiss_index
    index.hnsw.efSearch = 256
    found = index.search(queries, 100)[1]
    assert recall(found, exact_rows(embeddings, queries, 100)) >= 0.95


def test_a_release_with_hnsw_serves_and_says_how_good_it_is(tmp_path: Path) -> None:
    """The manifest holds the measured recall, and the loaded plan answers as wide as asked."""
    recipe = RECIPE.model_copy(
        update={"serving": RECIPE.serving.model_copy(update={"index": "hnsw"})}
    )
    artifacts = write_artifacts(tmp_path / "made-up")
    release = export(recipe, artifacts, force=False, say=lambda _: None)
    index = manifest.read(release)["index"]
    assert index["kind"] == "hnsw"
    assert 0.9 <= index["recall"] <= 1.0
    served = plan.load(release, SqliteFeatureStore(artifacts.feature_store, read_only=True))
    assert all(served.recommend(["1"], top_k=50).item_ids[0])
