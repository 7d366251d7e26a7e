"""Repeat consumption, from training to batch: users get the items that they come back to."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemble.batch import recommend_all
from ensemble.feature_store.user_records import training_records
from ensemble.in_process import served_in_process
from ensemble.releases.export import export
from evaluation.baselines.table import baseline_table
from evaluation.evaluate import evaluate
from evaluation.protocols import measure
from evaluation.report import read_report
from models.prepared import PreparedData
from models.train import train
from recipes.schema.recipe import Recipe
from sources.ingest import ingest
from stages.artifacts import Artifacts
from tests.heard import heard
from tests.integration.both_ways import both_ways
from workflows.prepare import prepare

PRODUCTS, STAPLES, WEEKS = 200, 5, 8
Made = tuple[Recipe, Artifacts, list[str]]


def write_baskets(path: Path, customers: int, timestamps: bool = True) -> None:
    """A grocer: each customer buys four of their five staples every week, and something at random."""
    random = np.random.default_rng(0)
    rows = []
    for customer in range(customers):
        staples = random.choice(PRODUCTS, STAPLES, replace=False)
        for week in range(WEEKS):
            for item in [*random.choice(staples, 4, replace=False), random.integers(PRODUCTS)]:
                time = week * 604_800 + int(random.integers(3600))
                rows.append((f"c{customer}", f"p{item}", time))
    names = ("customer", "product", "time")
    table = pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))
    pq.write_table(table if timestamps else table.drop_columns(["time"]), path)


def recipe_of(folder: Path, **tables: Any) -> Recipe:
    """The grocer's recipe with what `inspect` says to set; keyword arguments replace whole tables."""
    content = {
        "name": "grocer",
        "source": {"kind": "parquet", "interactions": str(folder / "baskets.parquet")},
        "columns": {"user": "customer", "item": "product", "timestamp": "time"},
        "interactions": {"repeats": True},
        "split": {"kind": "leave-last-out"},
        "serving": {"exclude": [], "generators": ["two-tower", "repeat"]},
    }
    return Recipe.model_validate({**content, **tables}, strict=False)


def trained(folder: Path, recipe: Recipe) -> Made:
    artifacts = Artifacts(folder / "artifacts")
    ingest(recipe, artifacts, None)
    prepare(recipe, artifacts, force=False)
    with heard() as lines:
        train(recipe, artifacts, force=False)
    return recipe, artifacts, lines


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A small grocer, with a short training and all that reads what it makes."""
    folder = tmp_path_factory.mktemp("grocer")
    write_baskets(folder / "baskets.parquet", customers=60)
    small = {
        "embedding_dim": 16,
        "layers": [16],
        "learning_rate": 0.02,
        "max_epochs": 3,
        "batch_size": 64,
    }
    ranker = {"embedding_dim": 4, "max_epochs": 3, "learning_rate": 0.01}
    return trained(folder, recipe_of(folder, retriever=small, ranker=ranker))


def own_items(data: PreparedData) -> list[set[int]]:
    past = data.interactions("train", "valid").by_user(data.user_count)
    return [set(items.tolist()) for items in past]


def test_the_store_has_the_history_that_models_learn_from(tmp_path: Path) -> None:
    """With every repeat, in order; even without times, where equal rows look alike."""
    write_baskets(tmp_path / "baskets.parquet", customers=6, timestamps=False)
    columns = {"user": "customer", "item": "product"}
    recipe = recipe_of(tmp_path, columns=columns, split={"kind": "random", "test": 0.1})
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(recipe, artifacts, None)
    prepare(recipe, artifacts, force=False)
    data, records = PreparedData(artifacts.prepared), dict(training_records(recipe, artifacts))
    past = data.interactions("train", "valid").by_user(data.user_count)
    assert any(len(set(items)) < len(items) for items in past)
    for user, items in zip(data.raw_user_ids, past, strict=True):
        assert records[user].interactions == [data.raw_item_ids[item] for item in items]


def test_training_and_service_have_the_same_candidates(made: Made) -> None:
    """The user's own items among them, with the sums of their repeats' weights; equal ranker features."""
    recipe, artifacts, _ = made
    ways = both_ways(recipe, artifacts)
    data, served, own = ways.data, ways.served, own_items(ways.data)
    past = data.interactions("train", "valid").by_user(data.user_count)
    for place, user in enumerate(ways.users):
        mine = ways.trained.of_users(np.array([user])).columns
        found = served["candidate_rows"][place]
        assert mine["product"].tolist() == ways.codes(found)
        assert own[user] <= set(found.tolist())
        for name in recipe.ranker_features:
            theirs = served[f"candidate.{name}"][place]
            np.testing.assert_allclose(mine[name], theirs, rtol=1e-4, atol=1e-5, err_msg=name)
        weights = 0.5 ** (np.arange(len(past[user]))[::-1] / recipe.repeat.half_life)
        sums = np.bincount(past[user], weights, data.item_count)[found]
        np.testing.assert_allclose(mine["repeat"], sums, rtol=1e-5)


def test_the_validation_counts_what_users_come_back_to(made: Made) -> None:
    """New items alone could not give the retriever's recall, nor that many relevant candidates."""
    _, artifacts, lines = made
    data = PreparedData(artifacts.prepared)
    valid = data.interactions("valid")
    past = data.interactions("train").by_user(data.user_count)
    pairs = zip(valid.users, valid.items, strict=True)
    new = sum(item not in past[user] for user, item in pairs)
    assert new < 0.3 * len(valid)
    recalls = [float(each.split("recall_at_10 ")[1]) for each in lines if "recall_at_10" in each]
    assert max(recalls) > new / len(valid)
    (line,) = (each for each in lines if "of them relevant" in each)
    assert int(line.split(",")[-1].split()[0]) > new


def test_every_list_of_the_report_may_hold_own_items(made: Made) -> None:
    """The funnel's, its generators' and popularity's; nothing is filtered, so nothing relevant is lost."""
    recipe, artifacts, _ = made
    evaluate(recipe, artifacts, served_in_process, force=False)
    report = read_report(artifacts.report)
    systems = report["systems"]
    served = ["retrieval", "repeat generator", "blend", "funnel"]
    assert list(systems) == [*report["baselines"]["leads"], *served]
    # Showing users what they had is a simple method, too.
    assert systems["own items"]["recall@10"] > 0.6
    assert systems["repeat generator"]["recall@10"] > 0.6
    assert systems["funnel"]["recall@10"] > 0.5
    assert report["passage"]["filtering"]["filtered_out"] == 0
    data = PreparedData(artifacts.prepared)
    hidden = baseline_table(data, names=["popularity"])["popularity"]
    shown = baseline_table(data, names=["popularity"], exclude=recipe.serving.exclude)["popularity"]
    assert systems["popularity"]["ndcg@10"] == shown["ndcg@10"] != hidden["ndcg@10"]
    with served_in_process(recipe, artifacts) as plan:
        _, removed = measure("top-k-accuracy", recipe, artifacts, data, plan)
    assert removed.title.endswith("as serving.exclude says")
    assert removed.rows["funnel, as served"]["top-10"] == pytest.approx(
        systems["funnel"]["recall@10"]
    )


def test_batches_and_requests_follow_the_recipe(made: Made, tmp_path: Path) -> None:
    """A batch holds own items, as a request does; a recipe that excludes them shows none unless asked."""
    recipe, artifacts, _ = made
    users, out = tmp_path / "users.txt", tmp_path / "out.jsonl"
    users.write_text("c1\nc2\n")
    export(recipe, artifacts, force=False)
    recommend_all(recipe, artifacts, users, out, 10, 1, lambda count: None)
    answers = [json.loads(line) for line in out.read_text().splitlines()]
    data, own = PreparedData(artifacts.prepared), {}
    for user, items in zip(data.raw_user_ids, own_items(data), strict=True):
        own[user] = {data.raw_item_ids[item] for item in items}
    for answer in answers:
        shown = {each["item_id"] for each in answer["recommendations"]}
        assert len(shown & own[answer["user_id"]]) > 3
    hiding = recipe.serving.model_copy(update={"exclude": "all"})
    with served_in_process(recipe.model_copy(update={"serving": hiding}), artifacts) as plan:
        plain = plan.recommend(["c1"], top_k=100)
        asked = plan.recommend(["c1"], top_k=100, include_seen=True)
    assert not own["c1"] & set(plain.item_ids[0])
    assert own["c1"] <= set(asked.item_ids[0])


@pytest.mark.slow
def test_the_grocers_customers_get_their_staples(tmp_path: Path) -> None:
    """The three settings are enough: nearly every repeat of the test part is among ten answers.

    Of its purchases 78% are repeats; with the default they are all filtered.
    """
    write_baskets(tmp_path / "baskets.parquet", customers=400)
    recipe, artifacts, _ = trained(tmp_path, recipe_of(tmp_path))
    evaluate(recipe, artifacts, served_in_process, force=False)
    systems = read_report(artifacts.report)["systems"]
    assert systems["funnel"]["recall@10"] >= 0.75
    assert systems["funnel"]["ndcg@10"] > systems["repeat generator"]["ndcg@10"]
