"""MovieLens-100K under the protocol of recommenders-team/recommenders: comparability and quality."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from ensemble.in_process import served_in_process
from evaluation.baselines.popularity import most_popular
from evaluation.evaluate import evaluate
from evaluation.report import read_report
from metrics import ranking
from models.prepared import PreparedData
from models.train import train
from recipes.schema.recipe import Recipe
from stages.artifacts import PARTS, Artifacts
from workflows.prepare import prepare


@pytest.fixture(scope="module")
def prepared(movielens: tuple[Recipe, Artifacts]) -> tuple[Recipe, Artifacts]:
    """The real tables, split and encoded by the recipe."""
    recipe, artifacts = movielens
    prepare(recipe, artifacts, force=False)
    return recipe, artifacts


@pytest.mark.data
def test_the_split_is_the_published_one(prepared: tuple[Recipe, Artifacts]) -> None:
    """Every rating is in one part, and the test part has the protocol's number of rows."""
    _, artifacts = prepared
    rows = {
        part: pq.read_table(artifacts.prepared.raw_interactions(part)).num_rows for part in PARTS
    }
    assert sum(rows.values()) == 100_000
    assert rows["test"] == 24_934


@pytest.mark.data
def test_popularity_is_as_good_as_by_the_protocols_own_code(
    prepared: tuple[Recipe, Artifacts],
) -> None:
    """Split, removal of seen items and metrics together reproduce popularity's known figures."""
    data = PreparedData(prepared[1].prepared)
    visible = data.interactions("train") + data.interactions("valid")
    seen = visible.by_user(data.user_count)
    wanted = data.interactions("test").by_user(data.user_count)
    users = [row for row, items in enumerate(wanted) if len(items)]
    ranked = most_popular(visible, data.item_count, [seen[row] for row in users], 10)
    relevant = [np.unique(wanted[row]) for row in users]
    assert ranking.means(ranked, relevant, 10) == pytest.approx(
        {"ndcg": 0.2524, "map": 0.0560, "precision": 0.2287, "recall": 0.1131}, abs=5e-4
    )


@pytest.mark.data
@pytest.mark.slow
def test_the_funnel_beats_retrieval_and_what_is_published_for_simple_models(
    prepared: tuple[Recipe, Artifacts],
) -> None:
    """With the recipe's settings: above NCF's and SAR's published nDCG, and the ranker lifts it."""
    recipe, artifacts = prepared
    train(recipe, artifacts, force=False)
    evaluate(recipe, artifacts, served_in_process, force=False)
    figures = {
        name: system["ndcg@10"] for name, system in read_report(artifacts.report)["systems"].items()
    }
    assert figures["funnel"] > 0.44
    assert figures["funnel"] > figures["retrieval"] > figures["popularity"]
