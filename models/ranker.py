"""The DLRM ranker (Naumov et al., arXiv 1906.00091), through Merlin Models.

Its categorical inputs are the user's and the candidate's codes; its numeric inputs are the cross
features of the served funnel, which say how candidate and user go together.
"""

import workflows.merlin_compat  # noqa: F401  isort: skip

from typing import Any

import merlin.models.tf as mm
import numpy as np
import tensorflow as tf
from merlin.schema import ColumnSchema, Schema, Tags

from models.pooling import EmbeddingTables, PooledEmbedding
from models.prepared import PreparedData
from recipes.recipe import Ranker

LABEL = "relevant"


def build_ranker(
    data: PreparedData, options: Ranker, numbers: dict[str, np.ndarray], steps: int
) -> mm.Model:
    """A compiled, untrained DLRM.

    Args:
        numbers: the numeric inputs of the training rows by name, float32 [n], numeric features and cross
            features; their mean and spread become part of the model, which is fed raw numbers.
        steps: training steps that the learning rate falls over, to zero, linearly.
    """
    schema = ranker_schema(data, options, list(numbers))
    tables = EmbeddingTables(options.embedding_dim, options.seed)
    categorical = schema.select_by_tag(Tags.CATEGORICAL)
    embeddings = mm.ParallelBlock(
        {column.name: PooledEmbedding(tables.of(column)) for column in categorical},
        schema=categorical,
        is_input=True,
    )
    dropout = options.dropout or None
    bottom = mm.MLPBlock([*options.bottom_layers, options.embedding_dim], dropout=dropout)
    model = mm.DLRMModel(
        schema,
        embeddings=embeddings,
        bottom_block=mm.SequentialBlock([Standardise(numbers), *bottom.layers]),
        top_block=mm.MLPBlock(list(options.top_layers), dropout=dropout),
        prediction_tasks=mm.BinaryOutput(LABEL),
    )
    rate = tf.keras.optimizers.schedules.PolynomialDecay(options.learning_rate, steps, 0.0)
    optimizer = tf.keras.optimizers.AdamW(rate, weight_decay=options.weight_decay)
    model.compile(optimizer=optimizer, metrics=[])
    return model


def ranker_schema(data: PreparedData, options: Ranker, numbers: list[str]) -> Schema:
    """User features, item features, both ids where the recipe asks for them, then the cross features."""
    left_out = {column.name for column in [data.history] if column is not None}
    if not options.ids:
        left_out |= {data.user_id.name, data.item_id.name}
    inputs = [*data.query_schema, *data.candidate_schema]
    columns = [column for column in inputs if column.name not in left_out]
    known = {column.name for column in columns}
    columns += [
        ColumnSchema(name, dtype=np.float32, tags=[Tags.CONTINUOUS])
        for name in numbers
        if name not in known
    ]
    target = ColumnSchema(LABEL, dtype=np.float32, tags=[Tags.TARGET, Tags.BINARY_CLASSIFICATION])
    return Schema([*columns, target])


def auc_within_users(scores: np.ndarray, relevant: np.ndarray, users: np.ndarray) -> float:
    """Mean over users of: how often a relevant candidate outscores another one of the same user.

    Unlike the AUC over all rows it does not reward telling active users from others, which orders
    nobody's list. All arguments [n]; users whose candidates are all alike are left out.
    """
    order = np.lexsort((scores, users))
    labels = relevant[order].astype(bool)
    _, start, counts = np.unique(users[order], return_index=True, return_counts=True)
    ranks = np.arange(len(order)) - np.repeat(start, counts) + 1
    positives = np.add.reduceat(labels.astype(np.int64), start)
    rank_sums = np.add.reduceat(np.where(labels, ranks, 0), start)
    pairs = positives * (counts - positives)
    won = rank_sums - positives * (positives + 1) / 2
    return float((won[pairs > 0] / pairs[pairs > 0]).mean()) if (pairs > 0).any() else 0.5


class Standardise(tf.keras.layers.Layer):
    """Numeric columns side by side, each with mean 0 and variance 1 over the training rows."""

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
