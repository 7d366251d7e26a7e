"""Wide & deep: the wide side by hand, what each optimizer updates, and the effect of training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from metrics.rating import rmse
from models.prepared import Arrays, PreparedData
from models.rankers import wide_and_deep
from models.training.fitting import Logs
from models.training.ranker_training import on_interactions, scores
from recipes.schema.recipe import Recipe
from tests.models import rated_shop

SETTINGS: dict[str, Any] = {
    "kind": "wide-and-deep",
    "crossed_features": [["customer", "tags"], ["country", "product"]],
    "crossed_bins": 1000,
    "embedding_dim": 8,
    "learning_rate": 0.02,
    "max_epochs": 8,
    "patience": 0,
}


@pytest.fixture(scope="module")
def rated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, PreparedData]:
    folder = tmp_path_factory.mktemp("rated")
    recipe, artifacts = rated_shop.prepared(folder, ranker=SETTINGS)
    return recipe, PreparedData(artifacts.prepared)


def some_rows(data: PreparedData, count: int = 40) -> Arrays:
    rows = data.labelled("train")
    return data.pair_columns(rows.users[:count], rows.items[:count])


def model_of(rated: tuple[Recipe, PreparedData], **changes: object) -> tf.keras.Model:
    recipe, data = rated
    tf.keras.utils.set_random_seed(3)
    numbers = {name: column for name, column in some_rows(data).items() if column.dtype.kind == "f"}
    return wide_and_deep.build(data, recipe.ranker.model_copy(update=changes), numbers, 100)


def test_the_wide_side_sums_a_weight_per_user_item_and_pair(
    rated: tuple[Recipe, PreparedData],
) -> None:
    """By hand from the tables: crosses with a list count as their mean, without padding."""
    data = rated[1]
    columns = some_rows(data)
    wide = model_of(rated).wide
    wide({name: tf.constant(column) for name, column in columns.items()})
    random = np.random.default_rng(5)
    for table in (wide.of_user, wide.of_item, wide.of_pair):
        table.assign(random.normal(size=table.shape))
    found = wide({name: tf.constant(column) for name, column in columns.items()}).numpy().ravel()
    of_user, of_item, of_pair = (
        table.numpy().ravel() for table in (wide.of_user, wide.of_item, wide.of_pair)
    )

    def of_cross(number: int, one: int, others: list[int]) -> float:
        spread = (number * wide_and_deep.CROSS_APART + one) * wide_and_deep.SPREAD
        return float(np.mean([of_pair[(spread + other) % 1000] for other in others]))

    for row in range(40):
        user, item = columns["customer"][row], columns["product"][row]
        tags = [int(tag) for tag in columns["tags"][row] if tag]
        expected = of_user[user] + of_item[item] + of_cross(0, int(user), tags)
        expected += of_cross(1, int(columns["country"][row]), [int(item)])
        assert found[row] == pytest.approx(expected, abs=1e-5)


def test_ftrl_moves_the_wide_side_and_the_other_optimizer_the_deep(
    rated: tuple[Recipe, PreparedData],
) -> None:
    """One step with a deep learning rate of nearly 0 moves wide weights only."""
    _, data = rated
    columns, target = some_rows(data), data.labelled("train").label[:40]
    model = model_of(rated, learning_rate=1e-30)
    model(columns)
    before = {weight.name: weight.numpy() for weight in model.trainable_weights}
    model.fit(columns, target, epochs=1, verbose=0)
    moved = {
        weight.name.split("/")[-1]
        for weight in model.trainable_weights
        if np.abs(weight.numpy() - before[weight.name]).max() > 1e-6
    }
    assert moved == {"of_user:0", "of_item:0", "of_pair:0"}


@pytest.mark.parametrize(("optimizer", "rate"), [("adamw", 0.05), ("adagrad", 0.3)])
def test_training_lowers_the_error_below_the_mean_labels(
    rated: tuple[Recipe, PreparedData], tmp_path: Path, optimizer: str, rate: float
) -> None:
    """On held-out stars, with either optimizer of the deep side."""
    recipe, data = rated
    ranker = recipe.ranker.model_copy(
        update={"optimizer": optimizer, "learning_rate": rate, "members": 2}
    )
    changed = recipe.model_copy(update={"ranker": ranker})
    trained = on_interactions(changed, data, Logs(tmp_path), {})
    test = data.labelled("test")
    columns = data.pair_columns(test.users, test.items)
    found = scores(trained.model, {name: columns[name] for name in trained.sample})
    mean = float(np.concatenate([data.labelled(part).label for part in ("train", "valid")]).mean())
    assert rmse(found, test.label) < 0.8 * rmse(np.full(len(test), mean), test.label)


def test_the_answer_is_the_mean_of_the_deep_sides(rated: tuple[Recipe, PreparedData]) -> None:
    """Training returns each member's answer, inference the mean; a probability if the target is positives."""
    _, data = rated
    columns = some_rows(data)
    model = model_of(rated, members=3, dropout=0.0)
    each = model(columns, training=True).numpy()
    assert each.shape == (40, 3)
    assert np.std(each, axis=1).min() > 0
    np.testing.assert_allclose(model(columns).numpy().ravel(), each.mean(axis=1), atol=1e-5)
    probable = model_of(rated, target="positives")(columns).numpy()
    assert ((probable > 0) & (probable < 1)).all()


def test_an_exported_model_gives_the_same_answers(
    rated: tuple[Recipe, PreparedData], tmp_path: Path
) -> None:
    """As a reloaded SavedModel and as ONNX, even if the model has not been called yet."""
    from models.export.onnx_export import export

    _, data = rated
    columns = some_rows(data)
    model = model_of(rated)
    difference = export(model, columns, tmp_path / "saved", tmp_path / "onnx" / "model.onnx")
    assert difference <= 1e-4
    served = tf.saved_model.load(str(tmp_path / "saved")).signatures["serving_default"]
    inputs = {
        name: tf.constant(column.reshape(40, -1).astype("f4" if column.dtype.kind == "f" else "i8"))
        for name, column in columns.items()
    }
    wanted = {name: inputs[name] for name in served.structured_input_signature[1]}
    np.testing.assert_allclose(served(**wanted)["output"], model(columns), atol=1e-4)
