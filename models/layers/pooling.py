"""Embedding look-up for one column: a single code or a padded list of codes."""

from typing import Any

import merlin.models.tf as mm
import tensorflow as tf
from merlin.models.utils.schema_utils import infer_embedding_dim
from merlin.schema import ColumnSchema

from models.training.random_state import generator


class PooledEmbedding(tf.keras.layers.Layer):
    """Sum of the embeddings of a row's codes, divided by their number to a power; code 0 is padding.

    Takes int64 [batch, 1] or [batch, length, 1]; returns float32 [batch, dim]. In training each code is
    dropped with probability ``dropout``, so no tower relies on one entry of a list. With ``half_life`` the
    weight of a code halves for every so many codes that follow it.
    """

    def __init__(
        self,
        table: mm.EmbeddingTable,
        power: float = 1.0,
        dropout: float = 0.0,
        half_life: float | None = None,
    ) -> None:
        super().__init__()
        self.table = table
        self.power = power
        self.dropout = dropout
        self.half_life = half_life
        self.generator = generator() if dropout else None

    def call(self, codes: tf.Tensor, training: bool = False) -> tf.Tensor:
        if codes.shape.rank == 3:
            codes = tf.squeeze(codes, axis=-1)
        known = codes > 0
        if training and self.generator is not None:
            known &= self.generator.uniform(tf.shape(codes)) >= self.dropout
        weights = tf.cast(known, tf.float32)
        if codes.shape[1] == 1:
            return self.table.table(codes[:, 0]) * weights
        if self.half_life is not None:
            following = tf.cumsum(weights, axis=1, exclusive=True, reverse=True)
            weights *= 0.5 ** (following / self.half_life)
        count = tf.reduce_sum(weights, axis=1, keepdims=True)
        return self._summed(codes, weights, training) / tf.maximum(count, 1.0) ** self.power

    def _summed(self, codes: tf.Tensor, weights: tf.Tensor, training: bool) -> tf.Tensor:
        if not training:
            return tf.einsum("bl,bld->bd", weights, self.table.table(codes))
        # Most of a list is padding or dropped: do not look it up, nor write its gradient.
        places = tf.where(weights > 0)
        vectors = self.table.table(tf.gather_nd(codes, places))
        vectors *= tf.gather_nd(weights, places)[:, None]
        return tf.math.unsorted_segment_sum(vectors, places[:, 0], tf.shape(codes)[0])

    def compute_output_shape(self, input_shape: Any) -> tf.TensorShape:
        return tf.TensorShape((None, self.table.dim))


class EmbeddingTables:
    """One table per domain: a history shares the table of the item id.

    ``infer``: choose each table's width from its cardinality by Merlin Models' rule, instead of ``dim``.
    """

    def __init__(self, dim: int, seed: int, infer: bool = False) -> None:
        self.dim = dim
        self.seed = seed
        self.infer = infer
        self._tables: dict[str, mm.EmbeddingTable] = {}

    def of(self, column: ColumnSchema) -> mm.EmbeddingTable:
        domain = column.int_domain.name or column.name
        if domain not in self._tables:
            initializer = tf.keras.initializers.RandomNormal(
                stddev=0.05, seed=self.seed + len(self._tables)
            )
            dim = self.dim
            if self.infer:
                dim = infer_embedding_dim(column)
            self._tables[domain] = mm.EmbeddingTable(
                dim, column, embeddings_initializer=initializer
            )
        return self._tables[domain]
