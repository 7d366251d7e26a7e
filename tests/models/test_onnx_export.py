"""A model's weights in ONNX, small ones and those that are too large for the conversion."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import tensorflow as tf

from models.export import onnx_export
from models.export.onnx_export import export


class Factors(tf.keras.Model):
    """The inner product of a user's and an item's row, times a weight."""

    def __init__(self) -> None:
        super().__init__()
        random = np.random.default_rng(4)
        rows = tf.keras.initializers.Constant(random.normal(size=(9, 3)))
        others = tf.keras.initializers.Constant(random.normal(size=(7, 3)))
        self.users = tf.keras.layers.Embedding(9, 3, embeddings_initializer=rows)
        self.items = tf.keras.layers.Embedding(7, 3, embeddings_initializer=others)
        self.times = self.add_weight("times", (), initializer="ones")

    def call(self, columns: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        vectors = self.users(columns["user"][:, 0]) * self.items(columns["item"][:, 0])
        return self.times * tf.reduce_sum(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("large", [1 << 22, 9 * 3 * 4, 1])
def test_large_weights_are_constants_of_the_graph(
    large: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None, one or all of the weights bypass the conversion.

    The inputs are the columns alone, every table is in the file once, and the model has its weights
    again.
    """
    monkeypatch.setattr(onnx_export, "LARGE", large)
    model = Factors()
    rows = {"user": np.array([0, 8, 3]), "item": np.array([6, 1, 1])}
    assert export(model, rows, tmp_path / "saved", tmp_path / "model.onnx") < 1e-6
    graph = onnx.load(str(tmp_path / "model.onnx")).graph
    assert {each.name for each in graph.input} == {"user", "item"}
    assert sorted(list(each.dims) for each in graph.initializer if len(each.dims) == 2) == [
        [7, 3],
        [9, 3],
    ]
    assert isinstance(model.users.embeddings, tf.Variable)
    assert isinstance(model.times, tf.Variable)
