"""Our AdamW against Keras's, and which rows of a large table an update leaves alone."""

import numpy as np
import pytest
import tensorflow as tf

from models.training.optimizer import AdamW

ROWS = np.array([[0.5, -1.0], [2.0, 0.25], [-0.125, 3.0], [1.0, 1.0]], np.float32)
#: Row 1 is looked up twice in a step, row 3 never.
STEPS = [([1, 0, 1], [[1.0, 2.0], [0.5, 0.0], [3.0, -1.0]]), ([2], [[0.25, 4.0]])]


def trained(optimizer: tf.keras.optimizers.Optimizer, dense: bool = False) -> np.ndarray:
    """``ROWS`` after ``STEPS``, with sparse or dense gradients."""
    table = tf.Variable(ROWS)
    for rows, values in STEPS:
        slices = tf.IndexedSlices(tf.constant(values), tf.constant(rows), tf.constant(ROWS.shape))
        optimizer.apply_gradients([(tf.convert_to_tensor(slices) if dense else slices, table)])
    return table.numpy()


@pytest.mark.parametrize("decay", [0.0, 0.4])
@pytest.mark.parametrize("dense", [True, False])
def test_a_small_table_is_updated_as_by_keras(decay: float, dense: bool) -> None:
    """With dense gradients or repeated rows, every row, seen or not, ends where Keras puts it."""
    rate = tf.keras.optimizers.schedules.PolynomialDecay(0.1, 3, 0.0)
    theirs = tf.keras.optimizers.AdamW(rate, weight_decay=decay, jit_compile=False)
    np.testing.assert_allclose(
        trained(AdamW(rate, decay), dense), trained(theirs, dense), rtol=1e-5, atol=1e-6
    )


def test_a_large_table_changes_only_where_it_was_looked_up() -> None:
    """A step leaves the rows that it does not see unchanged, weight decay included.

    Row 3 is never seen and stays bit for bit; row 2, first seen in the last step, ends where Keras puts it
    when it starts there; row 0 does not move in the step that does not see it.
    """
    lazy = trained(AdamW(0.1, 0.4, large_table=4))
    np.testing.assert_array_equal(lazy[3], ROWS[3])
    one = trained_once(AdamW(0.1, 0.4, large_table=4))
    np.testing.assert_array_equal(lazy[0], one[0])
    np.testing.assert_allclose(
        one[:2], trained_once(tf.keras.optimizers.AdamW(0.1, weight_decay=0.4))[:2], rtol=1e-5
    )
    # Two steps' correction of the moments, one gradient: mean 0.1 g, square 0.001 g^2.
    first, second = 1 - 0.9**2, 1 - 0.999**2
    step = 0.1 * np.sqrt(second) / first * 0.1 / np.sqrt(0.001)
    np.testing.assert_allclose(lazy[2], ROWS[2] * (1 - 0.04) - step, rtol=1e-5)


def trained_once(optimizer: tf.keras.optimizers.Optimizer) -> np.ndarray:
    table = tf.Variable(ROWS)
    rows, values = STEPS[0]
    slices = tf.IndexedSlices(tf.constant(values), tf.constant(rows), tf.constant(ROWS.shape))
    optimizer.apply_gradients([(slices, table)])
    return table.numpy()


@pytest.mark.parametrize("decay", [0.0, 0.4])
def test_a_large_table_whose_rows_are_all_looked_up_is_updated_as_by_keras(decay: float) -> None:
    """If every step sees every row, one of them twice, lazy updates make no difference.

    Over five steps with a falling rate all rows end where Keras puts them.
    """
    rate = tf.keras.optimizers.schedules.PolynomialDecay(0.1, 6, 0.0)
    optimizers = [
        AdamW(rate, decay, large_table=4),
        tf.keras.optimizers.AdamW(rate, weight_decay=decay, jit_compile=False),
    ]
    tables = [tf.Variable(ROWS) for _ in optimizers]
    random = np.random.default_rng(3)
    for _ in range(5):
        rows = np.append(random.permutation(4), 2)
        values = random.normal(size=(5, 2)).astype(np.float32)
        for optimizer, table in zip(optimizers, tables, strict=True):
            slices = tf.IndexedSlices(
                tf.constant(values), tf.constant(rows), tf.constant(ROWS.shape)
            )
            optimizer.apply_gradients([(slices, table)])
    np.testing.assert_allclose(tables[0], tables[1], rtol=1e-5, atol=1e-6)


def test_what_is_no_table_is_never_lazy() -> None:
    """A vector as long as a large table gets weight decay everywhere, whatever the gradient's rows."""
    vector = tf.Variable([1.0, 1.0, 1.0, 1.0])
    slices = tf.IndexedSlices(tf.constant([2.0]), tf.constant([1]), tf.constant([4]))
    AdamW(0.1, 0.5, large_table=4).apply_gradients([(slices, vector)])
    # The first step of Adam is the rate, in the direction of the gradient.
    np.testing.assert_allclose(vector, [0.95, 0.85, 0.95, 0.95], rtol=1e-5)
