"""Random numbers of layers, from generators that can be set: each epoch has its own, whatever came before.

An operation such as ``tf.random.uniform`` counts inside TensorFlow, where nobody can set it back: a
training that goes on after a kill would draw other numbers than an undisturbed one.
"""

import random

import numpy as np
import tensorflow as tf

from models.distributed.workers import worker

# Dropout then draws from generators too.
tf.keras.backend.experimental.enable_tf_random_generator()


def generator() -> tf.random.Generator:
    """A new one, seeded by Python's ``random``, which ``tf.keras.utils.set_random_seed`` sets."""
    return tf.random.Generator.from_seed(random.getrandbits(32))


def reseed(model: tf.keras.Model, seed: int, epoch: int) -> None:
    """Set every generator of a model's layers to where ``epoch`` of a training with ``seed`` begins.

    Each worker has its own numbers, the chief those of one that is alone.
    """
    for number, each in enumerate(_generators(model)):
        draws = np.random.SeedSequence([seed, epoch, number, worker().rank]).generate_state(1)
        each.reset_from_seed(int(draws[0]))


def _generators(model: tf.keras.Model) -> list[tf.random.Generator]:
    """Those of our layers, ``generator``, and of Keras's, which hide theirs from checkpoints."""
    found = []
    for layer in [model, *model.submodules]:
        hidden = getattr(getattr(layer, "_random_generator", None), "_generator", None)
        found += [each for each in (getattr(layer, "generator", None), hidden) if each is not None]
    return found
