"""What a training leaves in memory, and TensorFlow would keep until the process ends."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from tensorflow.python.framework import ops


@contextmanager
def released() -> Iterator[None]:
    """Let go, at the end of the block, of the graphs that were traced in it.

    TensorFlow registers the gradient of every ``tf.custom_gradient`` in a graph under a name of its own, for
    good. That function holds the graph, and so the rows, the variables and their moments: gigabytes where
    tables have a million rows. There is no public way to take it out again.
    """
    registered = ops.gradient_registry._registry
    before = set(registered)
    try:
        yield
    finally:
        for name in set(registered) - before:
            if name.startswith("CustomGradient-"):
                del registered[name]
        gc.collect()  # what is left refers to itself
