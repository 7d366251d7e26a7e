"""The protocol ``rating-error``: baselines by hand, and the served scores against the model's own."""

from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemble.in_process import served_in_process
from evaluation.protocols import Table, measure
from evaluation.protocols.rating_error import offsets
from metrics.rating import METRICS
from models.prepared import Labelled, PreparedData
from models.train import train
from recipes.schema.rankers import Dlrm, NoRanker
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.models import rated_shop, shop

Trained = tuple[Recipe, Artifacts]


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The shop with stars, and a ranker that predicts them; no retriever. Do not modify them."""
    recipe, artifacts = rated_shop.prepared(
        tmp_path_factory.mktemp("rated"),
        retriever={"kind": "none"},
        ranker={"learning_rate": 0.05, "max_epochs": 8},
        serving={"candidates": 40},
    )
    train(recipe, artifacts, force=False)
    return recipe, artifacts


@pytest.fixture(scope="module")
def table(rated: Trained) -> Table:
    recipe, artifacts = rated
    with served_in_process(recipe, artifacts) as plan:
        data = PreparedData(artifacts.prepared)
        (table,) = measure("rating-error", recipe, artifacts, data, plan)
    return table


def labelled(*rows: tuple[int, int, float]) -> Labelled:
    users, items, label = (np.array(column) for column in zip(*rows, strict=True))
    ones = np.ones(len(rows), np.float32)
    return Labelled(
        users, items, label.astype(np.float32), ones, ones > 0, ones > 0, np.arange(len(ones))
    )


def test_offsets_by_hand() -> None:
    """The item's first, then the user's of the remainder, both shrunk towards 0; unknown ids have none."""
    training = labelled((0, 0, 5), (1, 0, 3), (1, 1, 1))  # mean 3
    item_0, item_1 = (2 + 0) / (25 + 2), -2 / (25 + 1)
    user_0 = (2 - item_0) / (10 + 1)
    user_1 = ((0 - item_0) + (-2 - item_1)) / (10 + 2)
    asked = labelled((0, 0, 0), (0, 1, 0), (1, 1, 0), (2, 0, 0), (1, 2, 0), (2, 2, 0))
    assert offsets(training, asked, users=3, items=3).tolist() == pytest.approx(
        [
            3 + item_0 + user_0,
            3 + item_1 + user_0,
            3 + item_1 + user_1,
            3 + item_0,
            3 + user_1,
            3,
        ]
    )


def test_the_served_scores_are_the_rankers(rated: Trained, table: Table) -> None:
    """Its ONNX model has the same errors on the prepared columns of each test pair."""
    data = PreparedData(rated[1].prepared)
    test = data.labelled("test")
    session = onnxruntime.InferenceSession(str(rated[1].models.onnx("ranker")))
    pairs = data.pair_columns(test.users, test.items)
    fed = {each.name: pairs[each.name].reshape(len(test), -1) for each in session.get_inputs()}
    predicted = session.run(None, fed)[0].ravel()
    expected = {name: metric(predicted, test.label) for name, metric in METRICS.items()}
    assert table.rows["funnel, as served"] == pytest.approx(expected, rel=1e-4)
    assert table.title == f"Predicted labels of {len(test)} test interactions"


def test_the_model_beats_what_knows_no_taste(rated: Trained, table: Table) -> None:
    """Stars depend on user and item together, which neither mean nor offsets can express."""
    assert list(table.rows) == ["mean label", "mean, user and item offsets", "funnel, as served"]
    mean, shifted, served = table.rows.values()
    assert served["rmse"] < 0.8 * min(mean["rmse"], shifted["rmse"])
    data = PreparedData(rated[1].prepared)
    training = data.labelled("train") + data.labelled("valid")
    error = data.labelled("test").label - training.label.mean()
    assert mean["mae"] == pytest.approx(np.abs(error).mean(), rel=1e-5)
    assert mean["explained_variance"] == pytest.approx(0, abs=1e-6)


def test_labels_that_are_all_the_same_have_their_errors_alone(
    rated: Trained, tmp_path: Path
) -> None:
    """Shares of a variance of 0 are left out of the table, as JSON has no NaN."""
    recipe, artifacts = rated[0], shop.copied(rated[1], tmp_path / "copy")
    path = artifacts.prepared.raw_interactions("test") / "part_00000.parquet"
    rows = pq.read_table(path)
    same = pa.array([4] * rows.num_rows, rows["stars"].type)
    pq.write_table(rows.set_column(rows.column_names.index("stars"), "stars", same), path)
    with served_in_process(recipe, artifacts) as plan:
        data = PreparedData(artifacts.prepared)
        (table,) = measure("rating-error", recipe, artifacts, data, plan)
    assert {tuple(row) for row in table.rows.values()} == {("rmse", "mae")}


@pytest.mark.parametrize("ranker", [Dlrm(target="positives"), NoRanker()])
def test_a_ranker_of_another_kind_is_refused(rated: Trained, ranker: Dlrm | NoRanker) -> None:
    """Its score is not a label; the error says which ranker's is, and where to remove the protocol."""
    recipe, artifacts = rated
    other = recipe.model_copy(update={"ranker": ranker})
    data = PreparedData(artifacts.prepared)
    with (
        served_in_process(recipe, artifacts) as plan,
        pytest.raises(
            ShortlistError, match=r"expected a ranker that predicts .*evaluation.protocols"
        ),
    ):
        measure("rating-error", other, artifacts, data, plan)
