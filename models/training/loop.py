"""The loop over an epoch's batches: one compiled step each, while the next batch is being made.

Keras's own ``fit`` passes every batch through a queue, a generator and an iterator inside TensorFlow.
Callbacks are called here as Keras calls them.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf

from models.distributed.collectives import mean
from models.distributed.workers import several
from models.training.batches import Batches
from stages.progress import progress

#: A batch as ``ahead`` yields it -> the epoch's figures so far, including the loss.
Step = Callable[[Any], dict[str, tf.Tensor]]


def compiled_step(model: tf.keras.Model, batches: Any) -> Step:
    """The model's ``train_step`` as a function that is traced once, for any number of rows.

    For ``Batches`` the function takes row numbers and gathers the rows itself: passing a dozen columns at
    every step takes longer than gathering them. Whole batches go through XLA if the model was compiled
    with ``jit_compile``, unless several workers share the training: XLA cannot communicate with the others.
    """
    if not isinstance(batches, Batches):
        signature = tf.nest.map_structure(_any_rows, first_batch(batches))
        return _compiled(model, model.train_step, signature)
    inputs, of_rows = batches.in_graph(), [tf.constant(each) for each in batches.of_rows]

    def gathered(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        return model.train_step((inputs(rows), *(tf.gather(each, rows) for each in of_rows)))

    any_rows = _compiled(model, gathered, tf.TensorSpec((None,), batches.order.dtype))
    if not model.jit_compile or several():
        return any_rows
    size = batches.batch_size
    model(inputs(tf.constant([0])))  # XLA cannot create variables
    signature = tf.TensorSpec((size,), batches.order.dtype)

    @tf.function(input_signature=[signature], jit_compile=True)
    def whole(rows: tf.Tensor) -> dict[str, tf.Tensor]:
        return _plain_step(model, inputs(rows), *(tf.gather(each, rows) for each in of_rows))

    return lambda rows: whole(rows) if len(rows) == size else any_rows(rows)


def run_epoch(
    step: Step, batches: Any, callbacks: tf.keras.callbacks.CallbackList, name: str = "epoch"
) -> dict[str, float]:
    """Train on every batch; return the last step's figures, averaged over all workers.

    ``name``: what to call the epoch while it runs.
    """
    figures: dict[str, Any] = {}
    steps = len(batches) if isinstance(batches, tf.keras.utils.Sequence) else None
    for number, batch in enumerate(progress(name, ahead(batches), steps)):
        callbacks.on_train_batch_begin(number)
        figures = step(batch)
        callbacks.on_train_batch_end(number, figures)
    return mean({name: float(figure) for name, figure in figures.items()})


def ahead(batches: Any) -> Iterator[Any]:
    """An epoch's batches in order: row numbers of ``Batches``; other sequences are read one batch ahead."""
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
    """A batch to infer the shapes from, as ``ahead`` yields it."""
    return next(iter(ahead(batches)))


def _compiled(model: tf.keras.Model, step: Step, signature: Any) -> Step:
    if model.run_eagerly:
        return step
    compiled = tf.function(step, input_signature=[signature])
    if several():
        compiled.get_concrete_function()  # creates every variable, which all workers must share
    return compiled


def _plain_step(
    model: tf.keras.Model,
    inputs: dict[str, tf.Tensor],
    target: tf.Tensor,
    weights: tf.Tensor | None = None,
) -> dict[str, tf.Tensor]:
    """Merlin's ``train_step`` without metrics; XLA cannot compile its branches, which lack a static shape."""
    with tf.GradientTape() as tape:
        loss = model.compute_loss(inputs, target, model(inputs, training=True), weights)
    model.optimizer.minimize(loss, model.trainable_variables, tape=tape)
    return {each.name: each.result() for each in model.compiled_loss.metrics}


def _any_rows(part: Any) -> tf.TensorSpec:
    return tf.TensorSpec((None, *part.shape[1:]), part.dtype)
