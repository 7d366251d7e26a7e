"""A tower of the two-tower model: one side's columns -> one vector."""

from collections.abc import Sequence
from typing import Any

import merlin.models.tf as mm
import tensorflow as tf
from merlin.schema import ColumnSchema, Schema, Tags

from models.layers.pooling import EmbeddingTables, PooledEmbedding
from models.prepared import Arrays
from models.training.random_state import generator
from recipes.schema.retrievers import TwoTowers


def tower(
    schema: Schema,
    unknown: list[Arrays],
    tables: EmbeddingTables,
    options: TwoTowers,
    last: Sequence[tf.keras.layers.Layer] = (),
) -> mm.Encoder:
    """Embeddings and numbers of ``schema``'s columns, concatenated and passed through an MLP.

    The MLP's last layer is linear and has ``embedding_dim`` units, so both towers end in the same space.
    The MLP follows ``cross_layers`` layers of DCN-v2. ``last``: layers after the MLP.
    ``unknown``: values that are hidden together in training, see ``Hide``.
    """
    branches = {column.name: _branch(column, tables, options) for column in schema}
    inputs = mm.ParallelBlock(branches, aggregation="concat", schema=schema, is_input=True)
    layers = mm.MLPBlock(
        [*options.layers, options.embedding_dim], activation="relu", no_activation_last_layer=True
    )
    crosses = [mm.CrossBlock(options.cross_layers)] if options.cross_layers else []
    return mm.Encoder(inputs, *crosses, layers, *last, pre=Hide(unknown, options.unknown_rate))


def _branch(
    column: ColumnSchema, tables: EmbeddingTables, options: TwoTowers
) -> tf.keras.layers.Layer:
    if Tags.CATEGORICAL not in column.tags:
        return Number()
    if Tags.SEQUENCE in column.tags:
        return PooledEmbedding(
            tables.of(column),
            options.history_power,
            options.history_dropout,
            options.history_half_life,
        )
    return PooledEmbedding(tables.of(column))


class Number(tf.keras.layers.Layer):
    """A numeric column, unchanged: float32 [batch, 1]."""

    def call(self, values: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.cast(values, tf.float32), (-1, 1))

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        return tf.TensorShape((None, 1))


class Hide(tf.keras.layers.Layer):
    """In training, replaces some rows' values by those of an unknown user or item.

    This trains the out-of-vocabulary codes for cold start: an unknown user gets the average user's answer, a
    new item the place that its features earn.

    Args:
        unknown: each entry is hidden independently with probability ``rate``; it maps columns to the
            values [1] or [1, length] that replace theirs.
    """

    def __init__(self, unknown: list[Arrays], rate: float) -> None:
        super().__init__()
        self.unknown = unknown
        self.rate = rate
        self.generator = generator()

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        if not training or not self.rate:
            return inputs
        outputs = dict(inputs)
        rows = tf.shape(next(iter(inputs.values())))[0]
        for together in self.unknown:
            hidden = self.generator.uniform((rows,)) < self.rate
            for name, value in together.items():
                shown = outputs[name]
                constant = tf.reshape(
                    tf.constant(value, shown.dtype), (1, -1, 1)[: shown.shape.rank]
                )
                mask = tf.reshape(hidden, (-1, 1, 1)[: shown.shape.rank])
                outputs[name] = tf.where(mask, constant, shown)
        return outputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape
