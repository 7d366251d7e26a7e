"""Release gradients that TensorFlow would register forever, and with them the memory of every training.

``tf.custom_gradient`` registers the gradient function of each traced call under a unique name
(tensorflow/python/ops/custom_gradient.py:512) and never removes it. The function holds the graph, and so the
rows, the variables and their moments: gigabytes if tables have a million rows. Delete this shim when
TensorFlow has a public way to remove the function.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from tensorflow.python.framework import ops


@contextmanager
def gradients_released() -> Iterator[None]:
    """At the end of the block, remove the gradients that it registered."""
    registered = ops.gradient_registry._registry
    before = set(registered)
    try:
        yield
    finally:
        for name in set(registered) - before:
            if name.startswith("CustomGradient-"):
                del registered[name]
        gc.collect()  # the rest are reference cycles
