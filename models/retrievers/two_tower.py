"""A two-tower model, whatever head it was trained with: one vector per query and one per item."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from models.prepared import Arrays

#: Values that go through a tower at once when whole tables are embedded: rows times values per row. A long
#: history has many values, and each is looked up as a vector.
EMBED_VALUES = 1 << 17


@dataclass(frozen=True)
class TwoTower:
    """A model to train and its two towers, which may share the item embedding table.

    The score of a query and an item is the inner product of their vectors; with ``absolute`` its absolute
    value, and the vectors have length 1.
    """

    model: tf.keras.Model
    query_tower: tf.keras.layers.Layer
    candidate_tower: tf.keras.layers.Layer
    absolute: bool = False

    def embed_queries(self, columns: Arrays) -> np.ndarray:
        """The vectors of queries, float32 [n, dim]."""
        return _embed(self.query_tower, columns)

    def embed_items(self, columns: Arrays) -> np.ndarray:
        """The vectors of items, float32 [n, dim]."""
        return _embed(self.candidate_tower, columns)


def _embed(encoder: tf.keras.layers.Layer, columns: Arrays) -> np.ndarray:
    rows = len(next(iter(columns.values())))
    values = sum(column.size for column in columns.values())
    step = max(1, EMBED_VALUES * rows // max(values, 1))
    pieces = [
        encoder({name: column[start : start + step] for name, column in columns.items()})
        for start in range(0, max(rows, 1), step)  # without rows once, for the width
    ]
    return np.concatenate([piece.numpy() for piece in pieces])
