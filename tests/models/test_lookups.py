"""Columns looked up together give the vectors and gradients of separate look-ups."""

import merlin.models.tf as mm
import numpy as np
import pytest
import tensorflow as tf
from merlin.schema import ColumnSchema, Schema

from models.layers import embedded_columns as lookups
from models.layers.embedded_columns import EmbeddedColumns
from models.layers.pooling import EmbeddingTables, PooledEmbedding

SIZES = {"city": 4, "colour": 6, "words": 5, "shop": 40, "home": 4}
#: Columns that share the table of another.
SHARED = {"home": "city"}


def block(kind: type[mm.ParallelBlock]) -> mm.ParallelBlock:
    columns = [
        ColumnSchema(
            name,
            dtype=np.int64,
            properties={"domain": {"min": 0, "max": size - 1, "name": SHARED.get(name, name)}},
        )
        for name, size in SIZES.items()
    ]
    tables = EmbeddingTables(3, seed=1)
    branches = {column.name: PooledEmbedding(tables.of(column)) for column in columns}
    return kind(branches, schema=Schema(columns), is_input=True)


def columns() -> dict[str, tf.Tensor]:
    """Three rows, with code 0, which is padding, and repeated codes."""
    return {
        "city": tf.constant([[3], [0], [3]]),
        "colour": tf.constant([[5], [5], [1]]),
        "words": tf.constant([[1, 2], [2, 0], [0, 0]]),
        "shop": tf.constant([[39], [2], [0]]),
        "home": tf.constant([[1], [3], [3]]),
    }


@pytest.mark.parametrize("most_rows", [30, 3, 100])
def test_vectors_and_gradients_are_those_of_single_look_ups(
    monkeypatch: pytest.MonkeyPatch, most_rows: int
) -> None:
    """In training: some tables together, each alone (too large), and all together."""
    monkeypatch.setattr(lookups, "MOST_ROWS", most_rows)
    found = {}
    for kind in (EmbeddedColumns, mm.ParallelBlock):
        layer = block(kind)
        with tf.GradientTape() as tape:
            vectors = layer(columns(), training=True)
            # A different factor for every number, so that a mix-up shows.
            parts = [
                tf.reduce_sum(vectors[name] * np.arange(number, number + 9).reshape(3, 3))
                for number, name in enumerate(SIZES)
            ]
            loss = tf.add_n(parts)
        tables = {one.shape[0]: one for one in layer.trainable_variables}
        gradients = tape.gradient(loss, list(tables.values()))
        found[kind] = (
            {name: vector.numpy() for name, vector in vectors.items()},
            {
                size: tf.convert_to_tensor(one).numpy()
                for size, one in zip(tables, gradients, strict=True)
            },
        )
    assert [len(each) for each in found[EmbeddedColumns]] == [5, 4]
    for mine, theirs in zip(found[EmbeddedColumns], found[mm.ParallelBlock], strict=True):
        assert mine.keys() == theirs.keys()
        for key, value in mine.items():
            np.testing.assert_allclose(value, theirs[key], rtol=1e-5)
            assert np.abs(value).max() > 0
    assert not found[EmbeddedColumns][0]["city"][1].any()
