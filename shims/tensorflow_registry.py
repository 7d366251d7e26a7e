"""Gradients that TensorFlow registers for good, and with them the memory of every training.

``tf.custom_gradient`` registers the gradient function of each traced call under a name of its own
(tensorflow/python/ops/custom_gradient.py:512) and never removes it. The function holds the graph, and so the
rows, the variables and their moments: gigabytes where tables have a million rows. There is no public way to
remove it; this waits for one.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from tensorflow.python.framework import ops


@contextmanager
def gradients_released() -> Iterator[None]:
    """Remove the gradients that the block registered when it ends."""
    registered = ops.gradient_registry._registry
    before = set(registered)
    try:
        yield
    finally:
        for name in set(registered) - before:
            if name.startswith("CustomGradient-"):
                del registered[name]
        gc.collect()  # what is left refers to itself
