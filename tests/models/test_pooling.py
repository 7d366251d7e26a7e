"""Pooling the embeddings of a column of codes."""

import merlin.models.tf as mm
import numpy as np
import pytest
import tensorflow as tf
from merlin.schema import ColumnSchema

from models.layers.pooling import EmbeddingTables, PooledEmbedding
from models.prepared import PreparedData


@pytest.fixture(scope="module")
def table() -> mm.EmbeddingTable:
    """Ten codes of width 3."""
    domain = {"domain": {"min": 0, "max": 9, "name": "code"}}
    return EmbeddingTables(3, seed=1).of(ColumnSchema("code", dtype=np.int64, properties=domain))


def test_pooling_is_the_sum_over_a_power_of_the_count(table: mm.EmbeddingTable) -> None:
    """Three codes with power 0.5, computed from the table's rows; no code gives zeros."""
    layer = PooledEmbedding(table, power=0.5)
    found = layer(tf.constant([[4, 7, 4, 0], [0, 0, 0, 0]]))
    rows = table.table.embeddings.numpy()
    expected = [(2 * rows[4] + rows[7]) / 3**0.5, np.zeros(3)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("training", [False, True])
def test_older_codes_count_less_with_a_half_life(table: mm.EmbeddingTable, training: bool) -> None:
    """The weight halves for every two later codes; padding does not count as one."""
    layer = PooledEmbedding(table, power=1.0, half_life=2.0)
    found = layer(tf.constant([[4, 7, 3, 0, 0]]), training=training)
    rows = table.table.embeddings.numpy()
    weights = np.array([0.5, 0.5**0.5, 1.0])
    expected = weights @ rows[[4, 7, 3]] / weights.sum()
    np.testing.assert_allclose(found[0], expected, rtol=1e-5)


def test_padding_does_not_change_the_result(table: mm.EmbeddingTable) -> None:
    """The same codes in a longer list, and as [batch, length, 1], give the same vector."""
    layer = PooledEmbedding(table, power=0.8)
    short = layer(tf.constant([[3, 5]]))
    padded = tf.constant([[3, 5, 0, 0, 0]])
    np.testing.assert_array_equal(layer(padded), short)
    np.testing.assert_array_equal(layer(padded[:, :, None]), short)


def test_a_scalar_code_is_its_row(table: mm.EmbeddingTable) -> None:
    """[batch, 1] of one code each: the plain look-up."""
    found = PooledEmbedding(table)(tf.constant([[3], [9]]))
    np.testing.assert_array_equal(found, table.table.embeddings.numpy()[[3, 9]])


def test_dropout_is_for_training_alone(table: mm.EmbeddingTable) -> None:
    """Training averages over the kept codes, serving always over all of them."""
    layer = PooledEmbedding(table, dropout=0.5)
    codes = tf.constant([[3, 4, 5, 6, 7]])
    served = layer(codes).numpy()
    for _ in range(3):
        np.testing.assert_array_equal(layer(codes), served)
    trained = np.concatenate([layer(codes, training=True).numpy() for _ in range(10)])
    assert len(np.unique(trained, axis=0)) > 1
    assert np.isfinite(PooledEmbedding(table, dropout=0.999)(codes, training=True)).all()


def test_a_history_shares_the_table_of_its_item_id(data: PreparedData) -> None:
    """One table per domain: item id and history share one, the user id has another."""
    assert data.history is not None
    tables = EmbeddingTables(8, seed=1)
    assert tables.of(data.history) is tables.of(data.item_id)
    assert tables.of(data.user_id) is not tables.of(data.item_id)
