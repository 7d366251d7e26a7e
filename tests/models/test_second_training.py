"""The second training, whose model is served, is compared with the first."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from models.prepared import PreparedData
from models.training.fitting import WEIGHTS, Logs, fit
from models.training.retriever_training import (
    LEAST_SHARE,
    OTHER_SEED,
    final_retriever,
    first_retriever,
    training_ndcg,
    watched,
)
from recipes.schema.recipe import Recipe
from recipes.schema.retrievers import Softmax, Trained
from tests.heard import heard

FIRST = 0.5


def network(weight: float) -> tf.keras.Model:
    """One weight, and a learning rate of 0, so that it stays what it is."""
    layer = tf.keras.layers.Dense(
        1,
        use_bias=False,
        input_shape=(1,),
        kernel_initializer=tf.keras.initializers.Constant(weight),
    )
    model = tf.keras.Sequential([layer])
    model.compile(tf.keras.optimizers.SGD(0.0), "mse")
    return model


def weight_of(model: tf.keras.Model) -> float:
    return float(model.get_weights()[0][0, 0])


@pytest.mark.parametrize(
    ("figures", "kept", "seeds", "warnings"),
    [
        ([0.6], "final", [7], 0),
        ([LEAST_SHARE * FIRST], "final", [7], 0),
        ([0.4, 0.46], "final, other seed", [7, 7 + OTHER_SEED], 1),
        ([0.4, 0.44], "first", [7, 7 + OTHER_SEED], 3),
    ],
)
def test_a_training_that_fails_is_repeated_once_and_then_the_first_model_is_kept(
    tmp_path: Path, figures: list[float], kept: str, seeds: list[int], warnings: int
) -> None:
    """Each model's weight is its seed, that of the first is 1; the figures are scripted.

    The kept weights are also those with which a later warm start of the second training begins.
    """
    tried: list[int] = []
    found: dict[str, Any] = {"learnt": FIRST}

    def trained(weight: float, logs: Logs) -> tf.keras.Model:
        model = network(weight)
        batch = tf.data.Dataset.from_tensors((np.ones((2, 1)), np.ones((2, 1))))
        fit(model, batch, epochs=1, logs=logs)
        return model

    def again(options: Trained, logs: Logs) -> tf.keras.Model:
        tried.append(options.seed)
        return trained(options.seed, logs)

    logs = Logs(tmp_path)
    trained(1, logs.of("retriever"))
    script = iter(figures)
    with heard() as said:
        model = watched(
            "retriever",
            Softmax(seed=7),
            logs,
            found,
            again=again,
            first=lambda logs: network(np.load(Path(str(logs.folder)) / WEIGHTS)["arr_0"].item()),
            learnt=lambda model: next(script),
        )
    assert tried == seeds
    assert found == {"learnt": FIRST, "final_learnt": figures, "kept": kept}
    expected = 1 if kept == "first" else seeds[-1]
    assert weight_of(model) == expected
    assert np.load(tmp_path / "retriever-final" / WEIGHTS)["arr_0"].item() == expected
    assert len([line for line in said if line.startswith("retriever: ")]) == warnings


def test_the_first_retriever_is_served_if_the_second_never_comes_close(
    recipe: Recipe, data: PreparedData, tmp_path: Path
) -> None:
    """No training can reach a first NDCG of 2, so the vectors are those of the first model."""
    train, valid = data.interactions("train"), data.interactions("valid")
    logs, figures = Logs(tmp_path), dict[str, Any]()
    first, epochs = first_retriever(recipe, data, train, valid, logs, figures)
    assert figures["retriever"]["learnt"] == training_ndcg(recipe, data, first, train)
    figures["retriever"]["learnt"] = 2.0
    visible = data.interactions("train", "valid")
    served = final_retriever(recipe, data, train, visible, logs, epochs, figures)
    assert figures["retriever"]["kept"] == "first"
    np.testing.assert_array_equal(served.embed_items(data.items), first.embed_items(data.items))
    queries = data.queries(visible)
    np.testing.assert_array_equal(served.embed_queries(queries), first.embed_queries(queries))


def test_what_was_learnt_is_ndcg_of_the_training_part(
    recipe: Recipe, data: PreparedData, tmp_path: Path
) -> None:
    """A retriever whose training went on for longer knows its own training part better."""
    train, valid = data.interactions("train"), data.interactions("valid")
    found = []
    for epochs in (1, 12):
        options = recipe.retriever.model_copy(update={"max_epochs": epochs})
        longer, figures = recipe.model_copy(update={"retriever": options}), dict[str, Any]()
        first_retriever(longer, data, train, valid, Logs(tmp_path / str(epochs)), figures)
        found.append(figures["retriever"]["learnt"])
    assert 0 < found[0] < 0.9 * found[1] < 1
