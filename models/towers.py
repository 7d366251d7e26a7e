"""A tower of the two-tower model: one side's columns -> one vector."""

import workflows.merlin_compat  # noqa: F401  isort: skip

from typing import Any

import merlin.models.tf as mm
import tensorflow as tf
from merlin.schema import ColumnSchema, Schema, Tags

from models.pooling import HISTORY_POWER, EmbeddingTables, PooledEmbedding
from recipes.recipe import Retriever
from workflows.codes import UNKNOWN


def tower(schema: Schema, tables: EmbeddingTables, options: Retriever) -> mm.Encoder:
    """Embeddings and numbers of ``schema``'s columns, concatenated, through an MLP.

    The last layer is linear and has ``embedding_dim`` units, so both towers end in the same space.
    """
    branches = {column.name: _branch(column, tables, options) for column in schema}
    inputs = mm.ParallelBlock(branches, aggregation="concat", schema=schema, is_input=True)
    layers = mm.MLPBlock(
        [*options.layers, options.embedding_dim], activation="relu", no_activation_last_layer=True
    )
    hidden = HideIds(_id_names(schema), options.unknown_rate)
    return mm.Encoder(inputs, layers, pre=hidden)


def _branch(
    column: ColumnSchema, tables: EmbeddingTables, options: Retriever
) -> tf.keras.layers.Layer:
    if Tags.CATEGORICAL not in column.tags:
        return Number()
    if Tags.SEQUENCE in column.tags:
        return PooledEmbedding(tables.of(column), HISTORY_POWER, options.history_dropout)
    return PooledEmbedding(tables.of(column))


def _id_names(schema: Schema) -> list[str]:
    return list(schema.select_by_tag(Tags.ID).column_names)


class Number(tf.keras.layers.Layer):
    """A numeric column as it is: float32 [batch, 1]."""

    def call(self, values: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.cast(values, tf.float32), (-1, 1))

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        return tf.TensorShape((None, 1))


class HideIds(tf.keras.layers.Layer):
    """In training, show some ids as unknown.

    The out-of-vocabulary embedding then stands for the average user or item, so a user that nobody
    knows gets an answer that was trained for.
    """

    def __init__(self, names: list[str], rate: float) -> None:
        super().__init__()
        self.names = names
        self.rate = rate

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> dict[str, tf.Tensor]:
        if not training or not self.rate:
            return inputs
        outputs = dict(inputs)
        for name in self.names:
            codes = inputs[name]
            hidden = tf.random.uniform(tf.shape(codes)) < self.rate
            outputs[name] = tf.where(hidden, tf.constant(UNKNOWN, codes.dtype), codes)
        return outputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape
