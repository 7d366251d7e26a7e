"""The loop over an epoch's batches: one compiled step each, the next batch made meanwhile.

Keras's own ``fit`` hands every batch through a queue, a generator and an iterator inside TensorFlow.
Callbacks are called here as it calls them.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf

from models.distributed.collectives import mean
from models.distributed.workers import several
from models.training.batches import Batches

#: A batch as ``ahead`` gives it -> the figures so far of the epoch, the loss among them.
Step = Callable[[Any], dict[str, tf.Tensor]]


def compiled_step(model: tf.keras.Model, batches: Any) -> Step:
    """The model's ``train_step`` as a function that is traced once, for any number of rows.

    Of ``Batches`` it is given the numbers of rows, and gathers them itself: to hand over a dozen columns at
    every step takes longer than to gather them. Whole ones go through XLA where the model was compiled
    with ``jit_compile``, unless several workers share the training: XLA cannot ask the others.
    """
    if not isinstance(batches, Batches):
        signature = tf.nest.map_structure(_any_rows, first_batch(batches))
        return _compiled(model, model.train_step, signature)
    inputs, target = batches.in_graph(), tf.constant(batches.target)

    def gathered(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        return model.train_step((inputs(rows), tf.gather(target, rows)))

    any_rows = _compiled(model, gathered, tf.TensorSpec((None,), batches.order.dtype))
    if not model.jit_compile or several():
        return any_rows
    size = batches.batch_size
    model(inputs(tf.constant([0])))  # XLA cannot make variables
    signature = tf.TensorSpec((size,), batches.order.dtype)

    @tf.function(input_signature=[signature], jit_compile=True)
    def whole(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        return _plain_step(model, inputs(rows), tf.gather(target, rows))

    return lambda rows: whole(rows) if len(rows) == size else any_rows(rows)


def run_epoch(
    step: Step, batches: Any, callbacks: tf.keras.callbacks.CallbackList
) -> dict[str, float]:
    """Train on every batch; returns the last step's figures, the mean of all workers'."""
    figures: dict[str, Any] = {}
    for number, batch in enumerate(ahead(batches)):
        callbacks.on_train_batch_begin(number)
        figures = step(batch)
        callbacks.on_train_batch_end(number, figures)
    return mean({name: float(figure) for name, figure in figures.items()})


def ahead(batches: Any) -> Iterator[Any]:
    """An epoch's batches in their order: of ``Batches`` rows, of others each made while one is in use."""
    if isinstance(batches, Batches):
        yield from map(batches.rows_of, range(len(batches)))
    elif isinstance(batches, tf.keras.utils.Sequence):
        with ThreadPoolExecutor(1) as worker:
            following = worker.submit(batches.__getitem__, 0)
            for number in range(1, len(batches) + 1):
                batch = following.result()
                if number < len(batches):
                    following = worker.submit(batches.__getitem__, number)
                yield batch
    else:
        yield from batches


def first_batch(batches: Any) -> Any:
    """A batch to learn the shapes from, as ``ahead`` gives it."""
    return next(iter(ahead(batches)))


def _compiled(model: tf.keras.Model, step: Step, signature: Any) -> Step:
    if model.run_eagerly:
        return step
    compiled = tf.function(step, input_signature=[signature])
    if several():
        compiled.get_concrete_function()  # makes every variable, which the workers must have alike
    return compiled


def _plain_step(
    model: tf.keras.Model, inputs: dict[str, tf.Tensor], target: tf.Tensor
) -> dict[str, tf.Tensor]:
    """What ``train_step`` of Merlin does where there are no metrics; its branches have no shape for XLA."""
    with tf.GradientTape() as tape:
        loss = model.compute_loss(inputs, target, model(inputs, training=True))
    model.optimizer.minimize(loss, model.trainable_variables, tape=tape)
    return {each.name: each.result() for each in model.compiled_loss.metrics}


def _any_rows(part: Any) -> tf.TensorSpec:
    return tf.TensorSpec((None, *part.shape[1:]), part.dtype)
