"""The protocol ``click-prediction``: the baseline by hand, served scores against the model's own."""

import math
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemble.in_process import served_in_process
from evaluation.protocols import Table, click_prediction, measure
from metrics import classification
from models.prepared import Labelled, PreparedData
from models.train import train
from recipes.schema.rankers import Dlrm, NoRanker
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.columns import POSITIVE
from stages.errors import ShortlistError
from tests.models import rated_shop, shop

Trained = tuple[Recipe, Artifacts]


@pytest.fixture(scope="module")
def clicked(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The shop, and a ranker that tells products of 4 stars and more from others. Do not modify them."""
    recipe, artifacts = rated_shop.prepared(
        tmp_path_factory.mktemp("clicked"),
        retriever={"kind": "none"},
        ranker={"target": "positives", "learning_rate": 0.05, "max_epochs": 8},
        serving={"candidates": 40},
    )
    train(recipe, artifacts, force=False)
    return recipe, artifacts


def measured(recipe: Recipe, artifacts: Artifacts) -> Table:
    with served_in_process(recipe, artifacts) as plan:
        data = PreparedData(artifacts.prepared)
        (table,) = measure("click-prediction", recipe, artifacts, data, plan)
    return table


@pytest.fixture(scope="module")
def table(clicked: Trained) -> Table:
    return measured(*clicked)


@pytest.fixture(scope="module")
def data(clicked: Trained) -> PreparedData:
    return PreparedData(clicked[1].prepared)


def predicted(artifacts: Artifacts, data: PreparedData, rows: Labelled) -> np.ndarray:
    """The ranker's ONNX scores for the prepared columns of some interactions."""
    session = onnxruntime.InferenceSession(str(artifacts.models.onnx("ranker")))
    pairs = data.pair_columns(rows.users, rows.items)
    fed = {each.name: pairs[each.name].reshape(len(rows), -1) for each in session.get_inputs()}
    return session.run(None, fed)[0].ravel()


def test_the_served_scores_are_the_rankers(
    clicked: Trained, data: PreparedData, table: Table
) -> None:
    """Over all test interactions at once, across users, positive or not."""
    test = data.labelled("test")
    scores = predicted(clicked[1], data, test)
    served = table.rows["ranker, as served"]
    assert served["auc"] == pytest.approx(classification.auc(scores, test.positive), abs=1e-4)
    assert served["log_loss"] == pytest.approx(
        classification.log_loss(scores, test.positive), rel=1e-4
    )
    assert table.title == f"Clicks of {len(test)} test interactions"


def test_the_baseline_always_answers_the_share_of_positives(
    data: PreparedData, table: Table
) -> None:
    """It is the training part's share, which the ranker has to beat; it tells nothing apart."""
    training = [*data.labelled("train").positive, *data.labelled("valid").positive]
    share, test = sum(training) / len(training), data.labelled("test").positive
    costs = [-math.log(share if positive else 1 - share) for positive in test]
    baseline, served = table.rows["share of positives"], table.rows["ranker, as served"]
    assert baseline == {"auc": 0.5, "log_loss": pytest.approx(sum(costs) / len(costs))}
    assert served["auc"] > 0.8
    assert served["log_loss"] < baseline["log_loss"]


def test_of_many_interactions_some_are_drawn_with_the_splits_seed(
    clicked: Trained, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same ones each time, different ones with another seed."""
    monkeypatch.setattr(click_prediction, "INTERACTIONS", 100)
    recipe, artifacts = clicked
    first = measured(recipe, artifacts)
    assert first.title == "Clicks of 100 test interactions"
    assert measured(recipe, artifacts) == first
    other = recipe.model_copy(update={"split": recipe.split.model_copy(update={"seed": 7})})
    seen = [one.rows["ranker, as served"] for one in (table, first, measured(other, artifacts))]
    assert len({row["log_loss"] for row in seen}) == 3


@pytest.mark.parametrize("positive", [True, False])
def test_a_test_part_that_is_all_alike_is_refused(
    clicked: Trained, tmp_path: Path, positive: bool
) -> None:
    """With only positives, or none, there is nothing to tell apart."""
    recipe, artifacts = clicked[0], shop.copied(clicked[1], tmp_path / "copy")
    path = artifacts.prepared.raw_interactions("test") / "part_00000.parquet"
    rows = pq.read_table(path)
    alike = pa.array([positive] * rows.num_rows)
    pq.write_table(rows.set_column(rows.column_names.index(POSITIVE), POSITIVE, alike), path)
    with pytest.raises(ShortlistError, match="a test part with positives and others"):
        measured(recipe, artifacts)


@pytest.mark.parametrize("ranker", [Dlrm(target="label"), NoRanker()])
def test_a_ranker_of_another_kind_is_refused(
    clicked: Trained, data: PreparedData, ranker: Dlrm | NoRanker
) -> None:
    """Its score is not the probability of a click; the message says what would be."""
    recipe, artifacts = clicked
    other = recipe.model_copy(update={"ranker": ranker})
    with (
        served_in_process(recipe, artifacts) as plan,
        pytest.raises(ShortlistError, match=r"ranker.target = 'positives'.*evaluation.protocols"),
    ):
        measure("click-prediction", other, artifacts, data, plan)
