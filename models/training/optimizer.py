"""AdamW for all trainings here: one pass over a small table, and only the looked-up rows of a large one.

Keras's own AdamW makes about ten passes over every table at every step, and searches for repeated rows. Here
a table's gradient is summed into the table's shape and applied by TensorFlow's fused kernel, with the same
maths. A table of ``LARGE_TABLE`` rows or more is updated lazily ("lazy Adam"): only the moments and weights
of the rows that the batch looked up. A row's remaining momentum is then not applied while it is not looked
up, and its weight decay counts only the steps that looked it up.
"""

from typing import Any

import tensorflow as tf

from models.distributed.collectives import averaged

#: Tables with at least this many rows are updated lazily. With fewer, a pass over all rows should cost no
#: more than finding out which were looked up: an estimate.
LARGE_TABLE = 100_000


class AdamW(tf.keras.optimizers.AdamW):
    """Adam with decoupled weight decay (Loshchilov and Hutter, arXiv 1711.05101).

    Args:
        learning_rate: a number or a schedule.
        weight_decay: times the learning rate, the share that a weight loses at each step.
        large_table: number of rows from which a table is updated lazily.
    """

    def __init__(
        self, learning_rate: Any, weight_decay: float = 0.0, large_table: int = LARGE_TABLE
    ) -> None:
        super().__init__(learning_rate, weight_decay=weight_decay, jit_compile=False)
        self.large_table = large_table

    def aggregate_gradients(self, pairs: Any) -> Any:
        return averaged(pairs)

    def update_step(self, gradient: Any, variable: tf.Variable) -> None:
        """Apply the gradient of one variable: a tensor, or ``IndexedSlices`` that may repeat rows."""
        place = self._index_dict[self._var_key(variable)]
        moments = self._momentums[place], self._velocities[place]
        if isinstance(gradient, tf.IndexedSlices):
            if self._is_large(variable):
                self._update_rows(gradient, variable, *moments)
                return
            gradient = tf.math.unsorted_segment_sum(
                gradient.values, gradient.indices, variable.shape[0]
            )
        first, second = self._powers()
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=moments[0].handle,
            v=moments[1].handle,
            beta1_power=first,
            beta2_power=second,
            lr=tf.cast(self.learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )

    def _update_rows(
        self, gradient: tf.IndexedSlices, variable: tf.Variable, mean: Any, square: Any
    ) -> None:
        rows, place = tf.unique(gradient.indices)
        summed = tf.math.unsorted_segment_sum(gradient.values, place, tf.shape(rows)[0])
        first, second = self._powers()
        rate = tf.cast(self.learning_rate, tf.float32)
        mean_rows = self.beta_1 * tf.gather(mean, rows) + (1 - self.beta_1) * summed
        square_rows = self.beta_2 * tf.gather(square, rows) + (1 - self.beta_2) * summed**2
        step = rate * tf.sqrt(1 - second) / (1 - first) * mean_rows
        kept = tf.gather(variable, rows) * (1 - rate * self.weight_decay)
        moved = kept - step / (tf.sqrt(square_rows) + self.epsilon)
        for whole, part in ((mean, mean_rows), (square, square_rows), (variable, moved)):
            whole.scatter_update(tf.IndexedSlices(part, rows))

    def _powers(self) -> tuple[tf.Tensor, tf.Tensor]:
        step = tf.cast(self.iterations + 1, tf.float32)
        return tf.pow(self.beta_1, step), tf.pow(self.beta_2, step)

    def _is_large(self, variable: tf.Variable) -> bool:
        return variable.shape.rank == 2 and variable.shape[0] >= self.large_table

    def _deduplicate_sparse_grad(self, grads: Any) -> Any:
        return grads  # ``update_step`` sums repeated rows

    def _apply_weight_decay(self, variables: Any) -> None:
        if self.weight_decay:  # a decay of 0 would still cost a pass over every weight
            super()._apply_weight_decay([each for each in variables if not self._is_large(each)])
