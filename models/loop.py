"""The loop over an epoch's batches: one compiled step each, the next batch made meanwhile.

Keras's own ``fit`` hands every batch through a queue, a generator and an iterator inside TensorFlow.
Callbacks are called here as it calls them.
"""

import workflows.merlin_compat  # noqa: F401  isort: skip

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf

#: A batch -> the figures so far of the epoch, the loss among them.
Step = Callable[[Any], dict[str, tf.Tensor]]


def compiled_step(model: tf.keras.Model, example: Any) -> Step:
    """The model's ``train_step`` as a function that is traced once, for batches like ``example``.

    The number of rows may differ from batch to batch, nothing else.
    """
    if model.run_eagerly:
        return model.train_step
    signature = tf.nest.map_structure(_any_rows, example)
    return tf.function(model.train_step, input_signature=[signature])


def run_epoch(
    step: Step, batches: Any, callbacks: tf.keras.callbacks.CallbackList
) -> dict[str, float]:
    """Train on every batch; returns the last step's figures."""
    figures: dict[str, Any] = {}
    for number, batch in enumerate(ahead(batches)):
        callbacks.on_train_batch_begin(number)
        figures = step(batch)
        callbacks.on_train_batch_end(number, figures)
    return {name: float(figure) for name, figure in figures.items()}


def ahead(batches: Any) -> Iterator[Any]:
    """The batches of an epoch in their order, each made while the one before it is in use."""
    if not isinstance(batches, tf.keras.utils.Sequence):
        yield from batches
        return
    with ThreadPoolExecutor(1) as worker:
        following = worker.submit(batches.__getitem__, 0)
        for number in range(1, len(batches) + 1):
            batch = following.result()
            if number < len(batches):
                following = worker.submit(batches.__getitem__, number)
            yield batch


def first_batch(batches: Any) -> Any:
    """A batch to learn the shapes from."""
    if isinstance(batches, tf.keras.utils.Sequence):
        return batches[0]
    return next(iter(batches))


def _any_rows(part: Any) -> tf.TensorSpec:
    return tf.TensorSpec((None, *part.shape[1:]), part.dtype)
