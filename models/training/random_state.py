"""Random numbers of layers from generators that can be reset: each epoch's are independent of earlier ones.

An operation such as ``tf.random.uniform`` keeps its counter inside TensorFlow, where it cannot be reset: a
training that resumes after a kill would draw other numbers than an uninterrupted one.
"""

import random

import numpy as np
import tensorflow as tf

from models.distributed.workers import worker

# Makes Keras's dropout draw from generators too.
tf.keras.backend.experimental.enable_tf_random_generator()


def generator() -> tf.random.Generator:
    """A new generator, seeded from Python's ``random``, which ``tf.keras.utils.set_random_seed`` seeds."""
    return tf.random.Generator.from_seed(random.getrandbits(32))


def reseed(model: tf.keras.Model, seed: int, epoch: int) -> None:
    """Reset every generator of a model's layers to the start of ``epoch`` in a training with ``seed``.

    Each worker draws its own numbers; rank 0 draws those of a single process.
    """
    for number, each in enumerate(_generators(model)):
        draws = np.random.SeedSequence([seed, epoch, number, worker().rank]).generate_state(1)
        each.reset_from_seed(int(draws[0]))


def _generators(model: tf.keras.Model) -> list[tf.random.Generator]:
    """The generators of our layers (``generator``), and of Keras's, which hide theirs from checkpoints."""
    found = []
    for layer in [model, *model.submodules]:
        hidden = getattr(getattr(layer, "_random_generator", None), "_generator", None)
        found += [each for each in (getattr(layer, "generator", None), hidden) if each is not None]
    return found
