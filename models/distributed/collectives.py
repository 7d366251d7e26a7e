"""Communication between the workers of a training (``models.distributed.workers``).

In a single process, nothing is sent.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from models.distributed.workers import is_chief, several, worker
from stages.errors import ShortlistError


def averaged(pairs: Iterable[tuple[Any, tf.Variable]]) -> list[tuple[Any, tf.Variable]]:
    """Gradients, tensors or ``IndexedSlices``, averaged over all workers; each with its variable.

    The workers' shares of a batch have the same size, so if the loss is a mean over rows, the average is the
    gradient of the whole batch.
    """
    if not several():
        return list(pairs)
    pairs = [pair for pair in pairs if pair[0] is not None]
    gradients = [_filled(tf.math.scalar_mul(1 / worker().count, each)) for each, _ in pairs]
    return list(zip(_summed(gradients), (variable for _, variable in pairs), strict=True))


@tf.custom_gradient
def gathered(rows: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """The rows [n, ...] of all workers in the order of their ranks: [workers * n, ...].

    All must have the same number of rows. The gradient of a worker's rows is the sum over all workers'
    losses, since they are part of each.
    """
    if not several():
        return rows, lambda upstream: upstream
    count = tf.shape(rows)[0]
    before = worker().rank * count
    after = (worker().count - 1 - worker().rank) * count
    padding = [[before, after], *([[0, 0]] * (rows.shape.rank - 1))]

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        return own_part(_summed(tf.convert_to_tensor(upstream)))  # may be slices

    return _summed(tf.pad(rows, padding)), gradient


def own_part(rows: tf.Tensor) -> tf.Tensor:
    """This worker's rows of those of all workers, in the order of ``gathered``."""
    count = tf.shape(rows)[0] // worker().count
    return rows[worker().rank * count : (worker().rank + 1) * count]


def mean(figures: dict[str, float]) -> dict[str, float]:
    """Figures by name, averaged over all workers."""
    if not several():
        return figures
    totals = _summed_now(tf.constant(list(figures.values()), tf.float64)).numpy()
    return dict(zip(figures, (totals / worker().count).tolist(), strict=True))


def from_chief(make: Callable[[], Any]) -> Any:
    """Call ``make`` at rank 0 and return its result, anything that JSON can represent, at all workers."""
    if not several():
        return make()
    text = json.dumps(make()).encode() if is_chief() else b""
    length = int(_summed_now(tf.constant(len(text))))
    numbers = np.zeros(length, np.int32)
    numbers[: len(text)] = np.frombuffer(text, np.uint8)
    return json.loads(_summed_now(tf.constant(numbers)).numpy().astype(np.uint8).tobytes())


def agree(value: Any, what: str) -> None:
    """Check that every worker has the same value.

    Raises:
        ShortlistError: at every worker, if one differs; ``what`` names the value.
    """
    if not several():
        return
    differs = from_chief(lambda: value) != value
    if int(_summed_now(tf.constant(int(differs)))):
        raise ShortlistError(
            f"expected the same {what} at every worker, got different ones. Give all workers the same code, "
            "recipe and prepared artifacts."
        )


def copy_from_chief(root: tf.train.Checkpoint) -> None:
    """Copy rank 0's values of the variables in the checkpoint to every worker."""
    if not several():
        return
    for part in tf.train.TrackableView(root).descendants():
        # The others are flags, which training does not change.
        if isinstance(part, tf.Variable) and (part.dtype.is_floating or part.dtype.is_integer):
            value = part.value()
            part.assign(_summed_now(value if is_chief() else tf.zeros_like(value)))


def _filled(gradient: Any) -> Any:
    """Append a slice of zeros: TensorFlow cannot add up slices if no worker has any."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    values = tf.pad(gradient.values, [[0, 1], *([[0, 0]] * (gradient.values.shape.rank - 1))])
    return tf.IndexedSlices(values, tf.pad(gradient.indices, [[0, 1]]), gradient.dense_shape)


def _summed(values: Any) -> Any:
    """The sum over the workers of a tensor, or of a list of tensors and ``IndexedSlices``."""

    def add_up(own: Any) -> Any:
        # A copy made here is placed on this worker's device, which the sum needs to know.
        placed = tf.nest.map_structure(tf.identity, own)
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, placed)

    return worker().strategy.run(add_up, (values,))


#: For use outside a compiled step.
_summed_now = tf.function(_summed, autograph=False, reduce_retracing=True)
