"""The protocol ``sampled-negatives``: by hand, and against brute force on the made-up shop."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from ensemble.in_process import served_in_process
from evaluation.protocols import Table, measure, sampled_negatives
from evaluation.protocols.sampled_negatives import KS, drawn_items
from models.prepared import PreparedData
from recipes.schema.rankers import NoRanker
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.errors import ShortlistError

Trained = tuple[Recipe, Artifacts]


@pytest.fixture(scope="module")
def data(trained: Trained) -> PreparedData:
    return PreparedData(trained[1].prepared)


def changed(recipe: Recipe, **tables: Any) -> Recipe:
    """The recipe with other values for some keys."""
    return recipe.model_copy(
        update={
            name: getattr(recipe, name).model_copy(update=table) for name, table in tables.items()
        }
    )


def measured(recipe: Recipe, artifacts: Artifacts, data: PreparedData) -> Table:
    with served_in_process(recipe, artifacts) as plan:
        (table,) = measure("sampled-negatives", recipe, artifacts, data, plan)
    return table


@pytest.fixture(scope="module")
def whole(trained: Trained, data: PreparedData) -> Table:
    """Every test positive of the shop, whose catalogue is smaller than the number drawn."""
    return measured(changed(trained[0], serving={"candidates": 1001}), trained[1], data)


@pytest.fixture(scope="module")
def expected(trained: Trained, data: PreparedData) -> dict[str, dict[str, float]]:
    """By brute force: the scores of every user and item, with all items but the user's as negatives."""
    recipe, artifacts = trained
    users, items = np.divmod(np.arange(data.user_count * data.item_count), data.item_count)
    with served_in_process(recipe, artifacts) as plan:
        queries = plan.run(plan.columns(plan.request(data.raw_user_ids)))["query"]
        pairs = [data.raw_user_ids[user] for user in users], [data.raw_item_ids[i] for i in items]
        ranked = plan.score(*pairs).reshape(data.user_count, data.item_count)
    embedded = pq.read_table(artifacts.models.item_embeddings)["embedding"]
    visible = data.interactions("train") + data.interactions("valid")
    popularity = np.bincount(visible.items, minlength=data.item_count).astype(float)
    test = data.interactions("test")
    free = np.ones((data.user_count, data.item_count), bool)
    for part in (visible, test):
        free[part.users, part.items] = False
    figures = {}
    for name, scores in (
        ("popularity", np.tile(popularity, (data.user_count, 1))),
        ("retrieval", queries @ np.stack(embedded.to_numpy()).T),
        ("funnel", ranked),
    ):
        own = scores[test.users, test.items][:, None]
        better = ((scores[test.users] >= own) & free[test.users]).sum(axis=1)
        figures[name] = {f"recall@{k}": float((better < k).mean()) for k in KS}
    return figures


def test_every_stage_is_as_good_as_brute_force_says(
    data: PreparedData, whole: Table, expected: dict[str, dict[str, float]]
) -> None:
    """A positive is found at k if fewer than k negatives score at least as high."""
    assert whole.rows == {name: pytest.approx(figures) for name, figures in expected.items()}
    count = len(data.interactions("test"))
    assert whole.title.startswith(f"Average recall, each of {count} test positives against")
    assert 0 < whole.rows["funnel"]["recall@1"] < whole.rows["funnel"]["recall@10"] < 1
    assert len({tuple(figures.values()) for figures in whole.rows.values()}) == 3


def test_the_requests_size_changes_nothing(
    trained: Trained, data: PreparedData, whole: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A hundred at once give the same figures as a few at once."""
    monkeypatch.setattr(sampled_negatives, "AT_ONCE", 100)
    recipe = changed(trained[0], serving={"candidates": 1001})
    assert measured(recipe, trained[1], data).rows == whole.rows


def test_without_a_ranker_retrieval_is_the_funnel(
    trained: Trained, data: PreparedData, expected: dict[str, dict[str, float]]
) -> None:
    """One row for both."""
    recipe = changed(trained[0], serving={"candidates": 1001})
    recipe = recipe.model_copy(update={"ranker": NoRanker()})
    rows = measured(recipe, trained[1], data).rows
    assert list(rows) == ["popularity", "funnel"]
    assert rows["funnel"] == pytest.approx(expected["retrieval"])


def test_fewer_positives_and_opponents_are_drawn_with_the_splits_seed(
    trained: Trained, data: PreparedData, whole: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same ones each time, different ones with another seed; fewer negatives are easier to beat."""
    monkeypatch.setattr(sampled_negatives, "DRAWN", 5)
    recipe = changed(trained[0], serving={"candidates": 6})
    few = measured(recipe, trained[1], data)
    assert measured(recipe, trained[1], data) == few
    assert few.rows["funnel"]["recall@1"] > whole.rows["funnel"]["recall@1"]
    assert {row["recall@10"] for row in few.rows.values()} == {1.0}
    monkeypatch.setattr(sampled_negatives, "POSITIVES", 30)
    thirty = measured(recipe, trained[1], data)
    assert "each of 30 test positives against up to 5 random items" in thirty.title
    other = measured(changed(recipe, split={"seed": 1}), trained[1], data)
    assert other.rows != thirty.rows


def test_drawn_items_are_others_and_all_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never the user's own, none twice; each of the seven others is drawn about equally often."""
    monkeypatch.setattr(sampled_negatives, "DRAWN", 4)
    random = np.random.default_rng(3)
    mine = np.array([0, 5, 5, 9])
    counts: Counter[int] = Counter()
    for _ in range(3500):
        drawn = drawn_items(random, 10, mine)
        assert len(set(drawn.tolist())) == len(drawn) == 4
        counts.update(drawn.tolist())
    assert set(counts) == {1, 2, 3, 4, 6, 7, 8}
    assert all(1900 < count < 2100 for count in counts.values())  # 2000 each, give or take
    assert sorted(drawn_items(random, 5, mine)) == [1, 2, 3, 4]
    assert sorted(drawn_items(random, 3, mine)) == [1, 2]


def test_too_few_candidates_are_refused(trained: Trained, data: PreparedData) -> None:
    """A request for 20 items cannot score 1,001; the error says what to raise."""
    recipe, artifacts = trained
    with (
        served_in_process(recipe, artifacts) as plan,
        pytest.raises(
            ShortlistError,
            match=r"serving.candidates of at least 1,001, the number of items .* got 20. Raise",
        ),
    ):
        measure("sampled-negatives", recipe, artifacts, data, plan)
