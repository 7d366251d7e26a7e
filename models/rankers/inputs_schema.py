"""The inputs of a ranker: its columns, and the standardisation of numbers."""

from typing import Any

import numpy as np
import tensorflow as tf
from merlin.schema import ColumnSchema, Schema, Tags

from models.prepared import PreparedData
from recipes.schema.rankers import Trained as Ranker

#: Name of the target in a ranker's schema.
TARGET = "target"


def ranker_schema(data: PreparedData, options: Ranker, numbers: list[str]) -> Schema:
    """The inputs of a ranker, and its target.

    In order: user features, item features, both with the id if the recipe asks for ids, features that depend
    on user and item, then the ranker features. ``numbers``: names of the numeric inputs; those that are not
    columns of a table are ranker features.
    """
    left_out = {column.name for column in [data.history] if column is not None}
    if not options.ids:
        left_out |= {data.user_id.name, data.item_id.name}
    inputs = [*data.query_schema, *data.candidate_schema, *data.pair_schema]
    columns = [column for column in inputs if column.name not in left_out]
    known = {column.name for column in columns}
    columns += [
        ColumnSchema(name, dtype=np.float32, tags=[Tags.CONTINUOUS])
        for name in numbers
        if name not in known
    ]
    target = ColumnSchema(TARGET, dtype=np.float32, tags=[Tags.TARGET, Tags.BINARY_CLASSIFICATION])
    return Schema([*columns, target])


class Standardise(tf.keras.layers.Layer):
    """Concatenates numeric columns, each scaled to mean 0 and variance 1 over the training rows."""

    def __init__(self, numbers: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.names = sorted(numbers)
        values = np.stack([numbers[name] for name in self.names], axis=1)
        spread = values.std(axis=0, dtype=np.float64)
        self.mean = self._constant("mean", values.mean(axis=0, dtype=np.float64))
        self.scale = self._constant("scale", 1.0 / np.where(spread > 0, spread, 1.0))

    def _constant(self, name: str, values: np.ndarray) -> tf.Variable:
        """A weight that is saved with the model and not trained."""
        initializer = tf.keras.initializers.Constant(values)
        return self.add_weight(name, values.shape, initializer=initializer, trainable=False)

    def call(self, inputs: dict[str, tf.Tensor]) -> tf.Tensor:
        columns = [tf.reshape(tf.cast(inputs[name], tf.float32), (-1, 1)) for name in self.names]
        return (tf.concat(columns, axis=1) - self.mean) * self.scale

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        return tf.TensorShape((None, len(self.names)))
