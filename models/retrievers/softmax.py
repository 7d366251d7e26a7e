"""Softmax over in-batch negatives, computed once per item of the batch.

The loss of an interaction is the cross-entropy of its item against the other items of the batch, each as
often as it occurs there. Logits are divided by the temperature and get a logQ correction (Yi et al.,
"Sampling-bias-corrected neural modeling", RecSys 2019). The same item elsewhere in the batch, an accidental
hit, is not a negative. A test checks that this is the loss of Merlin Models' ``ContrastiveOutput``; only the
computation differs. Merlin compares every row with every other. Here an item that is in the batch n times
goes through its tower once and counts as n columns, and a few rows at a time are scored against all items:
their scores give loss and gradient while they are in the processor's cache, and are not stored.

With several workers, each scores the items of all, as a single process would: the vectors are gathered.
"""

from collections.abc import Callable
from typing import Any

import merlin.models.tf as mm
import numpy as np
import tensorflow as tf
from merlin.schema import Schema

from models.distributed.collectives import gathered, own_part
from models.distributed.workers import several
from models.interactions import relative
from models.layers.pooling import EmbeddingTables
from models.layers.towers import tower
from models.prepared import Interactions, PreparedData
from models.retrievers.two_tower import TwoTower
from models.training.batches import Batches, read_columns
from models.training.optimizer import AdamW
from recipes.schema.retrievers import Softmax
from stages.columns import WEIGHT

#: Rows of the batch whose scores against all its items are held at once.
BLOCK_ROWS = 512

Gradient = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def batches(data: PreparedData, options: Softmax, parts: list[str]) -> Batches:
    """The positives of the parts, with the columns of both towers; the targets are their weights."""
    weight = data.schema.select_by_tag(WEIGHT)
    schema = Schema([*data.query_schema, *data.candidate_schema, *weight])
    columns = read_columns([data.files.interactions(part) for part in parts], schema)
    weights = None
    if len(weight):
        weights = relative(columns.pop(weight.first.name))
    return Batches(columns, options.batch_size, options.seed, weights, whole_batches=True)


def build(data: PreparedData, options: Softmax, visible: Interactions, steps: int) -> TwoTower:
    """A compiled, untrained two-tower model.

    Args:
        visible: the training positives; they determine how often an item is drawn.
        steps: training steps over which the learning rate falls linearly to zero.
    """
    tables = EmbeddingTables(options.embedding_dim, options.seed, options.infer_embedding_sizes)
    user, item = data.unknown_user, data.unknown_item
    only_id = {data.user_id.name: user[data.user_id.name]}
    query_tower = tower(data.query_schema, [only_id, user], tables, options)
    candidate_tower = tower(data.candidate_schema, [item], tables, options)
    # An item without positives is never in a batch; the small count keeps its log finite.
    counts = data.item_counts(visible) + 1e-3
    log_q = np.log(counts / counts.sum()) if options.logq_correction else np.zeros_like(counts)
    items = data.candidate_schema.column_names
    model = InBatchSoftmax(
        query_tower, candidate_tower, items, data.item_id.name, log_q, options.temperature
    )
    rate = tf.keras.optimizers.schedules.PolynomialDecay(options.learning_rate, steps, 0.0)
    model.compile(optimizer=AdamW(rate, options.weight_decay))
    return TwoTower(model, query_tower, candidate_tower)


class InBatchSoftmax(tf.keras.Model):
    """User and item columns, one positive per row -> the loss of the batch.

    Args:
        items: columns of the candidate tower, which depend on the item alone: rows with the same item have
            the same values.
        item: the column of the item id, int [batch].
        log_q: float32 [item codes], log sampling probabilities.
    """

    def __init__(
        self,
        query_tower: mm.Encoder,
        candidate_tower: mm.Encoder,
        items: list[str],
        item: str,
        log_q: np.ndarray,
        temperature: float,
    ) -> None:
        super().__init__()
        self.query_tower, self.candidate_tower = query_tower, candidate_tower
        self.items, self.item, self.temperature = items, item, temperature
        self.log_q = tf.constant(log_q, tf.float32)
        self.mean_loss = tf.keras.metrics.Mean("loss")

    @property
    def metrics(self) -> list[tf.keras.metrics.Metric]:
        return [self.mean_loss]

    def call(
        self,
        columns: dict[str, tf.Tensor],
        training: bool = False,
        weights: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """``weights``: of the rows in the loss, float32 [batch]; by default ones."""
        codes = tf.reshape(columns[self.item], (-1,))
        different, place, count, first = _different(codes)
        shown = {name: tf.gather(columns[name], first) for name in self.items}
        queries = self.query_tower(columns, training=training) / self.temperature
        vectors = self.candidate_tower(shown, training=training)
        if several():
            # The items of all workers' rows; if several workers have an item, the first one's vector counts.
            of_rows = gathered(tf.gather(vectors, place))
            different, place, count, first = _different(gathered(codes))
            vectors, place = tf.gather(of_rows, first), own_part(place)
        bias = -tf.gather(self.log_q, different)
        return softmax_loss(queries, vectors, bias, place, tf.cast(count, tf.float32), weights)

    def train_step(self, batch: Any) -> dict[str, tf.Tensor]:
        columns, weights = batch
        with tf.GradientTape() as tape:
            loss = self(columns, training=True, weights=weights)
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        self.mean_loss.update_state(loss)
        return {"loss": self.mean_loss.result()}


def _different(codes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """The distinct codes of [rows], each row's index among them, and each code's count and first row."""
    different, place, count = tf.unique_with_counts(codes)
    row = tf.range(tf.shape(codes)[0])
    return different, place, count, tf.math.unsorted_segment_min(row, place, tf.shape(different)[0])


def softmax_loss(
    queries: tf.Tensor,
    vectors: tf.Tensor,
    bias: tf.Tensor,
    place: tf.Tensor,
    count: tf.Tensor,
    weights: tf.Tensor | None = None,
) -> tf.Tensor:
    """Mean weighted cross-entropy of each row's own item against all other items, a scalar.

    Args:
        queries: float32 [rows, dim]; vectors: float32 [items, dim], one per distinct item.
        bias: float32 [items], added to the logits.
        place: int32 [rows], the index of each row's own item.
        count: float32 [items], as how many columns an item counts for the rows of other items.
        weights: float32 [rows]; by default ones.
    """
    row_weights = tf.ones_like(place, tf.float32) if weights is None else weights
    several = tf.math.log(count)
    # With one more number in each vector, the product includes the bias.
    columns = tf.concat([vectors, (bias + several)[:, None]], axis=1)

    @tf.custom_gradient
    def loss(queries: tf.Tensor, vectors: tf.Tensor) -> tuple[tf.Tensor, Gradient]:
        rows = tf.shape(queries)[0]

        def block(start: tf.Tensor, total: Any, of_queries: Any, of_vectors: Any) -> Any:
            part = queries[start : start + BLOCK_ROWS]
            own = place[start : start + BLOCK_ROWS]
            weight = row_weights[start : start + BLOCK_ROWS]
            number = tf.shape(own)[0]
            ones = tf.ones((number, 1))
            logits = tf.matmul(tf.concat([part, ones], axis=1), columns, transpose_b=True)
            # A row's own item counts once, however often it is in the batch.
            cells = tf.stack([tf.range(number), own], axis=1)
            once = tf.gather(several, own)
            logits = tf.tensor_scatter_nd_sub(logits, cells, once)
            top = tf.reduce_max(logits, axis=1, keepdims=True)
            mine = tf.gather_nd(logits, cells)
            share = tf.exp(logits - top)
            whole = tf.reduce_sum(share, axis=1, keepdims=True)
            each = weight[:, None]
            total += tf.reduce_sum(each * (tf.math.log(whole) + top)) - tf.reduce_sum(weight * mine)
            pulled = tf.matmul(share, vectors) / whole - tf.gather(vectors, own)
            of_queries = of_queries.write(start // BLOCK_ROWS, each * pulled)
            of_vectors += tf.matmul(share, each * part / whole, transpose_a=True)
            of_vectors = tf.tensor_scatter_nd_sub(of_vectors, own[:, None], each * part)
            return start + BLOCK_ROWS, total, of_queries, of_vectors

        blocks = (rows + BLOCK_ROWS - 1) // BLOCK_ROWS
        held = tf.TensorArray(
            tf.float32, blocks, infer_shape=False, element_shape=(None, queries.shape[1])
        )
        _, total, held, of_vectors = tf.while_loop(
            lambda start, *_: start < rows,
            block,
            (0, 0.0, held, tf.zeros_like(vectors)),
            parallel_iterations=1,
        )
        mean = 1 / tf.cast(rows, tf.float32)
        of_queries = tf.reshape(held.concat(), tf.shape(queries))
        return total * mean, lambda up: (up * mean * of_queries, up * mean * of_vectors)

    return loss(queries, vectors)
