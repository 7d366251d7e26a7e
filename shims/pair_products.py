"""Inner products of all pairs of vectors, equal to Merlin's ``DotProductInteraction``, in half the time.

Merlin selects the pairs from the matrix of products with a mask whose size TensorFlow does not know in
advance (merlin/models/tf/blocks/interaction.py:112), and its gradient multiplies the matrix twice. Here
a product with zeros and ones selects them, and the gradient, which is symmetric, is multiplied once.
``DLRMModel`` builds the layer itself and accepts no other, so ``use_pair_products`` reassigns its class
until Merlin has a parameter for it.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from merlin.models.tf.blocks.interaction import DotProductInteraction


class PairProducts(DotProductInteraction):
    """float32 [batch, n, dim] -> [batch, n * (n - 1) / 2]: pairs (0, 1), (0, 2), ... (n - 2, n - 1)."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return _products(inputs)


def use_pair_products(model: tf.keras.Model) -> None:
    """Turn the interaction layers of a Merlin model into ``PairProducts``."""
    for layer in model.submodules:
        if type(layer) is DotProductInteraction:
            layer.__class__ = PairProducts


@tf.custom_gradient
def _products(vectors: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    count = vectors.shape[1]
    first, second = np.triu_indices(count, 1)
    pairs = np.arange(len(first))
    picked = np.zeros((count, count, len(first)), np.float32)
    picked[first, second, pairs] = 1
    both = picked + picked.transpose(1, 0, 2)
    square = tf.matmul(vectors, vectors, transpose_b=True)
    flat = tf.reshape(square, (-1, count * count))
    found = tf.matmul(flat, tf.constant(picked.reshape(count * count, -1)))

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        spread = tf.matmul(upstream, tf.constant(both.reshape(count * count, -1).T))
        return tf.matmul(tf.reshape(spread, (-1, count, count)), vectors)

    return found, gradient
