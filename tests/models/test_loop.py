"""The steps of an epoch: compiled ones against plain ones, and the order of batches."""

import threading
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from models.training.batches import Batches
from models.training.loop import ahead, compiled_step, first_batch, run_epoch
from models.training.optimizer import AdamW

COLUMNS: dict[str, np.ndarray] = {
    "code": np.array([1, 2, 0, 2, 1, 1, 0, 2, 2, 1], np.int64),
    "size": np.linspace(-1.0, 2.0, 10, dtype=np.float32)[:, None],
}
TARGET = np.array([0.5, 1, 2, -1, 0, 3, 1, 1, 0, 2], np.float32)
#: Ten rows in batches of four: two whole ones and one of two rows.
SIZE = 4


class Small(tf.keras.Model):
    """A weight per code plus a linear function of the size; records each trace's dtype and row count."""

    def __init__(self) -> None:
        super().__init__()
        start = tf.keras.initializers.Constant([[0.1], [0.2], [0.3]])
        self.table = tf.keras.layers.Embedding(3, 1, embeddings_initializer=start)
        self.line = tf.keras.layers.Dense(1, kernel_initializer="ones")
        self.seen: list[tuple[tf.DType, int | None]] = []

    def call(self, columns: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        if training:
            self.seen.append((columns["code"].dtype, columns["code"].shape[0]))
        return self.table(columns["code"]) + self.line(columns["size"])


def small(xla: bool, optimizer: Any = None) -> Small:
    model = Small()
    model.compile(optimizer or AdamW(0.05, 0.1), "mse", jit_compile=xla)
    return model


def batches() -> Batches:
    return Batches(COLUMNS, SIZE, 7, target=TARGET)


def callbacks(model: tf.keras.Model, *each: tf.keras.callbacks.Callback) -> Any:
    return tf.keras.callbacks.CallbackList(list(each), model=model)


@pytest.mark.parametrize("xla", [False, True])
def test_compiled_steps_do_what_plain_steps_do(xla: bool) -> None:
    """After three batches, the last a small one, weights and loss equal those of Keras's uncompiled step."""
    plain, model = small(False), small(xla)
    plain.run_eagerly = True
    for number in range(3):
        columns, target = batches()[number]
        figures = plain.train_on_batch(columns, target, reset_metrics=False, return_dict=True)
    found = run_epoch(compiled_step(model, batches()), batches(), callbacks(model))
    assert found["loss"] == pytest.approx(figures["loss"], rel=1e-5)
    assert len(model.get_weights()) == 3
    for one, other in zip(plain.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("xla", [False, True])
def test_a_step_by_hand(xla: bool) -> None:
    """A weight of 0 becomes 1 after one step of gradient descent.

    Sizes are 1 and 2, targets 2 and 4: the gradient of the mean square is the mean of -4 and -16, and the
    rate 0.1. The loss before the step is the mean of 4 and 16.
    """
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Lambda(lambda columns: columns["size"]),
            tf.keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros"),
        ]
    )
    model.compile(tf.keras.optimizers.SGD(0.1), "mse", jit_compile=xla)
    sizes = {"size": np.array([[1.0], [2.0]], np.float32)}
    given = Batches(sizes, 2, 1, target=np.array([2.0, 4.0], np.float32))
    figures = run_epoch(compiled_step(model, given), given, callbacks(model))
    assert figures["loss"] == pytest.approx(10.0)
    np.testing.assert_allclose(model.get_weights()[0], [[1.0]], rtol=1e-6)


def test_a_step_is_not_traced_again_for_another_number_of_rows() -> None:
    """After the first step, batches of four and two rows trace nothing more; codes are int32."""
    model = small(False)
    step = compiled_step(model, batches())
    step(first_batch(batches()))
    traced = len(model.seen)
    run_epoch(step, batches(), callbacks(model))
    assert len(model.seen) == traced
    assert {*model.seen} == {(tf.int32, None)}


def test_xla_is_for_whole_batches() -> None:
    """XLA compiles for a known number of rows; the small last batch runs without it."""
    model = small(True)
    run_epoch(compiled_step(model, batches()), batches(), callbacks(model))
    assert {*model.seen} == {(tf.int32, SIZE), (tf.int32, None)}


class Numbers(tf.keras.utils.Sequence):
    """Three batches of one number each; records which were begun."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = [threading.Event() for _ in range(3)]

    def __len__(self) -> int:
        return 3

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        self.begun[batch].set()
        return np.array([[float(batch)]], np.float32), np.zeros(1, np.float32)


def test_the_next_batch_is_made_while_one_is_in_use() -> None:
    """One ahead and no more, all in order."""
    numbers = Numbers()
    found = []
    for place, (values, _) in enumerate(ahead(numbers)):
        if place < 2:
            assert numbers.begun[place + 1].wait(30)
        if place == 0:
            assert not numbers.begun[2].is_set()
        found.append(values[0, 0])
    assert found == [0.0, 1.0, 2.0]


def test_of_batches_in_memory_the_rows_are_handed_over() -> None:
    """Row numbers, each once an epoch; anything else hands over the batches themselves."""
    given = batches()
    rows = list(ahead(given))
    assert [len(each) for each in rows] == [4, 4, 2]
    assert sorted(np.concatenate(rows).tolist()) == list(range(10))
    np.testing.assert_array_equal(first_batch(given), rows[0])
    assert list(ahead(tf.data.Dataset.range(3).as_numpy_iterator())) == [0, 1, 2]


def test_callbacks_are_told_of_every_batch() -> None:
    """Begin and end alternate, with the figures so far; the last ones are the epoch's."""
    calls: list[Any] = []

    class Listening(tf.keras.callbacks.Callback):
        def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
            calls.append(batch)

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            calls.append(float(logs["loss"]))

    model = small(False)
    figures = run_epoch(compiled_step(model, batches()), batches(), callbacks(model, Listening()))
    assert calls[::2] == [0, 1, 2]
    assert len({*calls[1::2]}) == 3
    assert figures == {"loss": calls[-1]}
