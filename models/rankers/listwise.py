"""Rankers trained on whole lists: a candidate's score counts relative to the others of the same user.

The loss is the log loss of the relevant candidates under a softmax over the list (ListNet's top-one
probability: Cao et al., "Learning to rank: from pairwise approach to listwise approach", ICML 2007), divided
by the square root of their number: a compromise between equal weights per candidate and per user.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from scipy.optimize import minimize

from models.distributed.workers import share
from models.prepared import Arrays
from models.training.batches import Batches
from runtime.lists import padded

#: The target of a row that only pads a list.
FILLING = -1.0
#: The least slope of the calibration. A flat one would give every candidate the same float32.
LEAST_SLOPE = 0.01
#: Probabilities are kept this far from 0 and 1, where their logits are infinite.
NEAREST = 1e-7


class Lists(Batches):
    """Batches of whole lists, each padded at its end to the ``width`` of the longest.

    Lists without a relevant candidate are left out: nothing can be learnt from them.

    Args:
        columns: name -> [n] or [n, length].
        target: float32 [n].
        lists: the list of each row, int64 [n].
        lists_a_batch: number of lists per batch.
    """

    def __init__(
        self, columns: Arrays, target: np.ndarray, lists: np.ndarray, lists_a_batch: int, seed: int
    ) -> None:
        _, list_of_row, sizes = np.unique(lists, return_inverse=True, return_counts=True)
        self.width = int(sizes.max(initial=1))
        relevant = np.bincount(list_of_row, weights=target, minlength=len(sizes)) > 0
        order = np.argsort(list_of_row, kind="stable")
        # An extra row at the end pads the lists.
        rows = padded(order, sizes, self.width, fill=len(target))
        self.rows_of_list = rows[relevant]
        filled = {
            name: np.concatenate([column, column[:1]]) if len(column) else column
            for name, column in columns.items()
        }
        super().__init__(filled, 1, seed, np.append(target, np.float32(FILLING)))
        self.lists_a_batch = min(lists_a_batch, max(1, len(self.rows_of_list)))
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self.rows_of_list) // self.lists_a_batch)

    def rows_of(self, batch: int) -> np.ndarray:
        """Row numbers of a batch, list after list, or of this worker's share of it."""
        chosen = share(self.order[batch * self.lists_a_batch : (batch + 1) * self.lists_a_batch])
        return self.rows_of_list[chosen].ravel()

    def numeric_inputs(self) -> Arrays:
        return {name: column[:-1] for name, column in super().numeric_inputs().items()}

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(len(self.rows_of_list))


class Listwise(tf.keras.Model):
    """A ranker trained on lists: columns -> the probability that a candidate is relevant, [n, 1].

    Args:
        ranker: a model of probabilities, [n, 1]; ``calibrate`` restores them after training on lists.
        width: rows per list in training.
        blended: inputs whose sum is the blend of the candidate generators.
        blend: factor of the blend, which is added to the logits that the ranker has learnt without it.
    """

    def __init__(
        self, ranker: tf.keras.Model, width: int, blended: Sequence[str] = (), blend: float = 0.0
    ) -> None:
        super().__init__()
        self.ranker, self.width = ranker, width
        self.blended, self.blend = tuple(blended), blend
        self.slope, self.offset = (
            self.add_weight(name, (), initializer=initializer, trainable=False)
            for name, initializer in (("slope", "ones"), ("offset", "zeros"))
        )

    def logits(self, columns: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """The uncalibrated logits, [n, 1]; in training without the blend."""
        answers = self.ranker(columns, training=training)
        probabilities = tf.clip_by_value(answers, NEAREST, 1 - NEAREST)
        logits = tf.math.log(probabilities) - tf.math.log(1 - probabilities)  # ONNX has no log1p
        if training or not self.blend:
            return logits
        return logits + self.blend * tf.add_n(
            [tf.reshape(columns[name], (-1, 1)) for name in self.blended]
        )

    def call(self, columns: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        return tf.sigmoid(self.slope * self.logits(columns, training) + self.offset)

    def train_step(self, batch: Any) -> dict[str, tf.Tensor]:
        columns, target = batch
        with tf.GradientTape() as tape:
            logits = tf.reshape(self.logits(columns, training=True), (-1, self.width))
            loss = list_loss(logits, tf.reshape(target, (-1, self.width)))
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        return {"loss": loss}

    def calibrate(self, columns: Arrays, relevant: np.ndarray) -> None:
        """Fit slope and offset to minimise the log loss on rows that were not trained on (Platt, 1999).

        The order stays, even if these rows say that it is no better than chance, or worse.

        ``relevant``: float32 [n]; if all rows or none are relevant, nothing changes.
        """
        if not 0 < relevant.sum() < len(relevant):
            return
        inputs = {name: tf.constant(column) for name, column in columns.items()}
        logits = self.logits(inputs).numpy().ravel().astype(np.float64)

        def slope(free: float) -> float:
            return LEAST_SLOPE + float(np.exp(free))

        def loss(both: np.ndarray) -> float:
            scores = slope(both[0]) * logits + both[1]
            return float(np.mean(np.logaddexp(0, scores) - relevant * scores))

        best = minimize(loss, np.zeros(2), method="Nelder-Mead").x
        self.slope.assign(slope(best[0]))
        self.offset.assign(best[1])


def list_loss(logits: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """The mean loss per list. ``logits`` and ``target``: float32 [lists, width].

    The target is the weight of a relevant candidate, 0 for others, and ``FILLING`` for rows that pad a list.
    """
    scores = logits - 1e9 * tf.cast(target < 0, tf.float32)
    relevant = tf.maximum(target, 0.0)
    likelihood = scores - tf.reduce_logsumexp(scores, axis=1, keepdims=True)
    found = tf.reduce_sum(likelihood * relevant, axis=1)
    count = tf.reduce_sum(tf.cast(target > 0, tf.float32), axis=1)
    return -tf.reduce_mean(found / tf.sqrt(tf.maximum(count, 1.0)))
