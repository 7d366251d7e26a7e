"""Each bundled recipe, end to end on small made-up data, served by a real Triton."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from ensemble.in_process import served_in_process
from ensemble.releases.export import export
from ensemble.triton.client import Client
from ensemble.triton.server import running_server
from evaluation.evaluate import evaluate
from evaluation.report import read_report
from models.train import train
from recipes.load import known_recipes, load
from recipes.schema.recipe import Recipe
from sources.datasets import movielens_files
from sources.ingest import ingest
from stages.artifacts import Artifacts
from stages.columns import POSITIVE
from tests.integration.made_up import FOLDERS, ITEMS
from tests.workflows.engines import assert_same
from workflows.prepare import prepare

#: Settings that shorten training; everything else is as in the recipe.
SHORT: dict[str, dict[str, Any]] = {
    "retriever": {"max_epochs": 1, "batch_size": 64, "embedding_dim": 8, "linear_dim": 4},
    "ranker": {"max_epochs": 1, "batch_size": 64, "log_every": 0, "members": 1},
    "joint": {"max_epochs": 1, "batch_size": 64},
    "vocabulary": {"item_frequency_threshold": 3, "user_frequency_threshold": 3},
}


@dataclass(frozen=True)
class Made:
    """A recipe's finished run."""

    recipe: Recipe
    artifacts: Artifacts
    report: dict[str, Any]


def shortened(name: str) -> Recipe:
    """The recipe with a short training."""
    content = load(name).model_dump()
    for table, changes in SHORT.items():
        before = content[table] or {}
        read = {key: new for key, new in changes.items() if before.get(key)}
        if table in ("retriever", "ranker") and content["joint"]:
            read = {key: new for key, new in read.items() if key == "embedding_dim"}
        before |= read
    return Recipe.model_validate(content)


#: Recipes that `make test` runs: each kind of retriever and ranker that no other test trains on such data.
SOON = ("movielens-100k", "movielens-retrieval", "ratings")


def _marked(name: str) -> Any:
    return name if name in SOON else pytest.param(name, marks=pytest.mark.slow)


@pytest.fixture(scope="module", params=map(_marked, known_recipes()))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Prepared, trained, evaluated and exported."""
    recipe = shortened(request.param)
    folder = tmp_path_factory.mktemp(recipe.name)
    digest = FOLDERS[recipe.source.kind](folder / "data")
    artifacts = Artifacts(folder / "artifacts")
    with pytest.MonkeyPatch.context() as patch:
        if digest is not None:
            patch.setattr(movielens_files, "RATINGS_SHA256", digest)
        ingest(recipe, artifacts, folder / "data")
    prepare(recipe, artifacts, force=False, encoded_rows=True)
    train(recipe, artifacts, force=False)
    evaluate(recipe, artifacts, served_in_process, force=False)
    export(recipe, artifacts, force=False)
    return Made(recipe, artifacts, read_report(artifacts.report))


def test_the_report_holds_every_figure_that_the_recipe_asks_for(made: Made) -> None:
    """Popularity and funnel over the whole catalogue, and a table for each further protocol."""
    recipe, report = made.recipe, made.report
    assert {"popularity", "funnel"} <= set(report["systems"])
    k = max(recipe.evaluation.k)
    for figures in report["systems"].values():
        assert all(0 <= figures[f"{name}@{k}"] <= 1 for name in ("ndcg", "map", "recall"))
    both = recipe.retrieves and recipe.ranks
    assert ("retrieval" in report["systems"]) == both
    assert len(report["protocols"]) >= len(recipe.evaluation.protocols)
    for table in report["protocols"]:
        values = [value for row in table["rows"].values() for value in row.values()]
        assert values
        assert np.isfinite(values).all()


def test_nvtabular_prepares_the_same(made: Made, tmp_path: Path) -> None:
    """NVTabular on Dask makes of the recipe's data what Polars made of it."""
    there = Artifacts(tmp_path)
    shutil.copytree(made.artifacts.raw.root, there.raw.root)
    prepare(made.recipe, there, force=False, engine="dask", encoded_rows=True)
    assert_same(made.artifacts, there)


def test_triton_recommends_and_scores_pairs(made: Made) -> None:
    """Over gRPC and HTTP alike: unseen items in order, the requested pairs, and an unknown user."""
    rows = pq.read_table(made.artifacts.prepared.raw_interactions("train"))
    user = str(rows[made.recipe.columns.user][0])
    seen = {
        str(item)
        for one, item, positive in zip(
            rows[made.recipe.columns.user].to_pylist(),
            rows[made.recipe.columns.item].to_pylist(),
            rows[POSITIVE].to_pylist(),
            strict=True,
        )
        if str(one) == user and positive
    }
    some = sorted(seen)[:3]
    answers = []
    with running_server(made.artifacts, made.recipe.name) as server:
        clients = (Client(server.address.grpc, "grpc"), Client(server.address.http, "http"))
        for each in clients:
            with each as client:
                answer = client.recommend([user, "nobody"], top_k=5)
                pairs = client.recommend([user], candidate_item_ids=[some])
            answers.append(
                (answer.item_ids.tolist(), answer.scores.tolist(), pairs.scores.tolist())
            )
            assert answer.known_user.tolist() == [True, False]
            for items, scores in zip(answer.item_ids, answer.scores, strict=True):
                assert len(set(items) - {""}) == 5
                assert (np.diff(scores) <= 0).all()
            assert not seen & set(answer.item_ids[0])
            assert set(pairs.item_ids[0]) >= set(some)
            assert np.isfinite(pairs.scores[0][: len(some)]).all()
    assert answers[0] == answers[1]


def test_the_made_up_catalogue_is_whole(made: Made) -> None:
    """Every item is prepared, so the figures are over all of them."""
    assert pq.read_metadata(made.artifacts.prepared.items).num_rows == ITEMS
