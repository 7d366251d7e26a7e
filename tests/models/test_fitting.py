"""The code that both trainings share, on the smallest possible network."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)

from models.training.fitting import Logs, Validation, file_errors, fit
from stages.errors import ShortlistError


def network(learning_rate: float = 0.1) -> tf.keras.Model:
    """One weight, learning that the answer is 5."""
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, use_bias=False, input_shape=(1,))])
    model.compile(tf.keras.optimizers.SGD(learning_rate), "mse")
    return model


def batches() -> tf.data.Dataset:
    return tf.data.Dataset.from_tensors((np.ones((4, 1)), np.full((4, 1), 5.0)))


def scripted(model: tf.keras.Model, figures: list[float]) -> tuple[Validation, list[float]]:
    """A validation that takes its figures from a list, and the model's weight at each measurement."""
    weights: list[float] = []
    following: Iterator[float] = iter(figures)

    def measure() -> float:
        weights.append(float(model.get_weights()[0][0, 0]))
        return next(following)

    return Validation("figure", measure, "network"), weights


@pytest.mark.parametrize(
    ("figures", "epochs", "best", "run"),
    [
        ([0.1, 0.9, 0.3, 0.2, 0.1, 0.95], 6, 2, 4),  # stopped two epochs after the best
        ([0.1, 0.9, 0.3], 3, 2, 3),  # at the end before patience ran out
        ([0.1, 0.2, 0.3], 3, 3, 3),
        ([0.5, 0.5, 0.5, 0.5], 4, 1, 3),
    ],
)
def test_the_model_is_left_with_the_best_epochs_weights(
    tmp_path: Path, figures: list[float], epochs: int, best: int, run: int
) -> None:
    """Weights, checkpoint and the returned epoch are those of the best figure, however training ended."""
    model = network()
    validation, weights = scripted(model, figures)
    returned = fit(
        model, batches(), epochs=epochs, logs=Logs(tmp_path), validation=validation, patience=2
    )
    assert (returned, len(weights)) == (best, run)
    assert len(set(weights)) == run
    assert float(model.get_weights()[0][0, 0]) == weights[best - 1]
    model.load_weights(str(tmp_path / "checkpoint" / "best")).expect_partial()
    assert float(model.get_weights()[0][0, 0]) == weights[best - 1]
    assert [epoch["figure"] for epoch in validation.history] == figures[:run]


def test_without_validation_every_epoch_is_run(tmp_path: Path) -> None:
    """The last weights stay, and TensorBoard has the log."""
    model = network()
    assert fit(model, batches(), epochs=3, logs=Logs(tmp_path)) == 3
    assert list(tmp_path.glob("train/events.out.tfevents.*"))
    assert not (tmp_path / "checkpoint").exists()


def test_a_line_is_logged_for_each_epoch(tmp_path: Path, said: list[str]) -> None:
    """A readable line names model, epoch, loss and figure."""
    model = network(0.0)
    validation = Validation("figure", lambda: 0.5, "network")
    fit(model, batches(), epochs=1, logs=Logs(tmp_path), validation=validation, patience=1)
    loss = validation.history[0]["loss"]
    assert said == [f"network epoch 1: loss {loss:.4f}, figure 0.5000"]


def test_a_loss_that_is_no_number_stops_the_training(tmp_path: Path) -> None:
    """Training stops before anything is measured with such weights."""
    model = network(1e30)
    validation, weights = scripted(model, [0.5] * 9)
    with pytest.raises(ShortlistError, match=r"expected a finite loss, got (nan|inf)"):
        fit(model, batches(), epochs=9, logs=Logs(tmp_path), validation=validation, patience=9)
    assert len(weights) < 9


def test_a_training_without_validation_stops_on_such_a_loss_too(tmp_path: Path) -> None:
    """The final retriever has no validation part, and must not be written with NaN either."""
    with pytest.raises(ShortlistError, match=r"expected a finite loss, got (nan|inf)"):
        fit(network(1e30), batches(), epochs=9, logs=Logs(tmp_path))


def test_tensorflows_file_errors_become_the_systems(tmp_path: Path) -> None:
    """A file that cannot be written below the folder raises OSError; other errors are unchanged."""
    with pytest.raises(OSError, match=str(tmp_path)), file_errors(tmp_path):
        tf.io.write_file(str(tmp_path), "a folder is no file")
    with pytest.raises(tf.errors.OpError), file_errors(tmp_path / "elsewhere"):
        tf.io.write_file(str(tmp_path), "a folder is no file")


def test_figures_are_logged_at_the_chosen_interval(tmp_path: Path) -> None:
    """Every second of nine steps is kept with its number and figure, also for TensorBoard."""
    steps = tf.data.Dataset.from_tensors((np.ones((4, 1)), np.full((4, 1), 5.0))).repeat(3)
    model = network()
    weights: list[float] = []

    def weight() -> float:
        weights.append(float(model.get_weights()[0][0, 0]))
        return weights[-1]

    validation = Validation("weight", weight, "network", every=2)
    fit(model, steps, epochs=3, logs=Logs(tmp_path), validation=validation)
    assert [figures["step"] for figures in validation.steps] == [2, 4, 6, 8]
    assert sorted(weights) == weights
    # Four steps and the ends of three epochs; the second epoch ends on a measured step.
    assert (len(weights), len(set(weights))) == (7, 6)
    events = EventAccumulator(str(tmp_path / "validation"), {"tensors": 0})
    events.Reload()
    logged = {
        one.step: float(tf.make_ndarray(one.tensor_proto)) for one in events.Tensors("step_weight")
    }
    assert logged == pytest.approx({one["step"]: one["weight"] for one in validation.steps})
