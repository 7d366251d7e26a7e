"""Pairwise products against Merlin's own layer."""

import numpy as np
import tensorflow as tf
from merlin.models.tf.blocks.interaction import DotProductInteraction

from shims.pair_products import PairProducts


def test_products_and_gradients_are_merlins() -> None:
    """Five rows of four vectors; every product has a different weight."""
    random = np.random.default_rng(7)
    vectors = tf.constant(random.normal(size=(5, 4, 3)), tf.float32)
    weights = tf.constant(random.normal(size=(5, 6)), tf.float32)
    found = []
    for layer in (PairProducts(), DotProductInteraction()):
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            products = layer(vectors)
            loss = tf.reduce_sum(products * weights)
        found.append((products.numpy(), tape.gradient(loss, vectors).numpy()))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-5)
    np.testing.assert_allclose(found[0][1], found[1][1], rtol=1e-4, atol=1e-6)
    assert abs(found[0][0][0, 0] - np.dot(vectors[0, 0], vectors[0, 1])) < 1e-5
