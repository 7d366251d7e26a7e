"""A ranker's inputs: numbers are standardised."""

import numpy as np
import tensorflow as tf

from models.rankers.inputs_schema import Standardise


def test_standardised_columns_have_mean_0_and_variance_1() -> None:
    """Over the rows it was built with, in the order of names; a constant column becomes 0."""
    random = np.random.default_rng(1)
    numbers = {
        "b": random.normal(100, 5, 1000).astype(np.float32),
        "a": random.exponential(0.01, 1000).astype(np.float32),
        "c": np.full(1000, 7.0, np.float32),
    }
    layer = Standardise(numbers)
    found = layer({name: tf.constant(values) for name, values in numbers.items()}).numpy()
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(found.std(axis=0), [1, 1, 0], atol=1e-4)
    assert np.corrcoef(found[:, 0], numbers["a"])[0, 1] > 0.999
    assert layer.trainable_weights == []
    assert len(layer.weights) == 2


def test_standardised_shapes() -> None:
    """Numbers have shape [batch] or [batch, 1]; other columns are dropped."""
    layer = Standardise({"a": np.array([1.0, 3.0], np.float32)})
    for values in (tf.constant([3.0, 1.0]), tf.constant([[3.0], [1.0]])):
        assert layer({"a": values, "other": values}).numpy().tolist() == [[1.0], [-1.0]]
