"""A training's graphs do not stay in memory."""

import gc

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.func_graph import FuncGraph

from models.retrievers.softmax import softmax_loss
from models.training.batches import Batches
from models.training.fitting import Logs, fit


class Pulled(tf.keras.Model):
    """Three vectors, trained to tell each row's own from the others."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = self.add_weight("vectors", (3, 2), initializer="ones")

    def call(self, columns: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        return tf.gather(self.vectors, columns["code"])

    def train_step(self, batch: tuple[dict[str, tf.Tensor], tf.Tensor]) -> dict[str, tf.Tensor]:
        codes = batch[0]["code"]
        with tf.GradientTape() as tape:
            rows = self(batch[0])
            loss = softmax_loss(rows, self.vectors + 0, tf.zeros(3), codes, tf.ones(3))
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        return {"loss": loss}


def graphs() -> int:
    gc.collect()
    return sum(isinstance(each, FuncGraph) for each in gc.get_objects())


def test_a_loss_with_a_gradient_of_its_own_leaves_no_graph() -> None:
    """The graph's variables and rows are freed with the model."""
    before = graphs()
    model = Pulled()
    model.compile("sgd")
    codes = {"code": np.array([0, 1, 2, 1], np.int32)}
    fit(model, Batches(codes, 2, seed=1), epochs=1, logs=Logs())
    del model
    assert graphs() == before
