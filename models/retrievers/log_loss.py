"""Pointwise log loss: the absolute cosine of user and item gives the probability of a positive.

The head of Google Cloud's deep collaborative filtering sample for songs: a user net and an item net of the
same output width, cosine similarity, its absolute value, log loss with row weights; close to NCF (He et al.,
arXiv 1708.05031). Rows are the interactions, positive or not (``interactions.positive``). Logs hold few
negatives, so each positive also adds some items drawn at random (``retriever.negatives``), none of them a
positive of the user. If the recipe has a history, it is the user's positives without the row's own item.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from models.distributed.workers import share
from models.layers.pooling import EmbeddingTables
from models.layers.towers import tower
from models.prepared import Arrays, Interactions, Labelled, PreparedData
from models.retrievers.two_tower import TwoTower
from models.training.optimizer import AdamW
from recipes.schema.retrievers import LogLoss

#: A cosine of 0 is this probability, and one of 1 is 1 minus it, so no pair's gradient exceeds 1 / MARGIN.
#: Without it, a positive whose cosine comes near 0 has a gradient hundreds of times that of a whole batch
#: (measured on the recipe ``songs``): its step undoes the training, with many pairs on either side of zero.
MARGIN = 0.01


class LabelledPairs(tf.keras.utils.Sequence):
    """Interactions and sampled negatives, in an order that is drawn anew for every epoch.

    A batch of n interactions is the user columns, [n] or [n, length]; item columns, labels float32 (1: a
    positive) and weights float32, each [n * (1 + negatives)]: an interaction's own item, then those drawn
    for it. A drawn item has weight 1, or 0 if it is a positive of the user or its interaction is not one.
    """

    def __init__(
        self, data: PreparedData, rows: Labelled, size: int, negatives: int, seed: int
    ) -> None:
        super().__init__()
        self.data, self.rows, self.negatives = data, rows, negatives
        self.size = min(size, len(rows))
        positives = rows.positives
        self.taken = np.unique(self._pair(positives.users, positives.items))
        self.past = data.queries(positives)[data.history.name] if data.history else None
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-len(self.rows) // self.size)

    def __getitem__(self, batch: int) -> tuple[Arrays, np.ndarray, np.ndarray]:
        chosen = self.order[batch * self.size : (batch + 1) * self.size]
        # Each worker draws for all workers, so together they draw what a single process would.
        drawn = self.rng.integers(self.data.item_count, size=(len(chosen), self.negatives))
        chosen, drawn = share(chosen), share(drawn)
        users, own = self.rows.users[chosen], self.rows.items[chosen]
        positive = self.rows.positive[chosen]
        free = ~np.isin(self._pair(users[:, None], drawn), self.taken) & positive[:, None]
        items = np.concatenate([own[:, None], drawn], axis=1)
        label = np.zeros(items.shape, np.float32)
        label[:, 0] = positive
        weight = np.concatenate([self.rows.weight[chosen][:, None], free], axis=1, dtype=np.float32)
        columns = {name: column[users] for name, column in self.data.users.items()}
        columns |= {name: column[items.ravel()] for name, column in self.data.items.items()}
        if self.past is not None and self.data.history is not None:
            code = self.data.items[self.data.item_id.name][own][:, None]
            past = self.past[users]
            columns[self.data.history.name] = np.where(past == code, 0, past)
        return columns, label.ravel(), weight.ravel()

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(len(self.rows))

    def _pair(self, users: np.ndarray, items: np.ndarray) -> np.ndarray:
        return users * self.data.item_count + items


class UnitLength(tf.keras.layers.Layer):
    """Normalises vectors [batch, dim], adds a learnt vector, and normalises the sum.

    The learnt vector starts out the same in both towers, which gives most pairs a cosine of about one half,
    so cosines start above zero. Under an absolute value either sign would do, and pairs that start with
    different signs pull apart the items of one user.
    """

    def build(self, input_shape: Any) -> None:
        start = tf.keras.initializers.Constant(input_shape[-1] ** -0.5)
        self.leaning = self.add_weight("leaning", (input_shape[-1],), initializer=start)

    def call(self, vectors: tf.Tensor) -> tf.Tensor:
        return _unit(_unit(vectors) + self.leaning)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


class AbsoluteCosine(tf.keras.Model):
    """User and item columns -> the probability of a positive, [items, 1].

    Each user may have several items, one user's after another's.
    """

    def __init__(self, query_tower: tf.keras.Model, candidate_tower: tf.keras.Model) -> None:
        super().__init__()
        self.query_tower, self.candidate_tower = query_tower, candidate_tower

    def call(self, columns: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        queries = self.query_tower(columns, training=training)
        items = self.candidate_tower(columns, training=training)
        queries = tf.repeat(queries, tf.shape(items)[0] // tf.shape(queries)[0], axis=0)
        cosine = tf.reduce_sum(queries * items, axis=1, keepdims=True)
        return MARGIN + (1 - 2 * MARGIN) * tf.abs(cosine)


def batches(data: PreparedData, options: LogLoss, parts: list[str]) -> LabelledPairs:
    """All interactions of the parts, positives and others."""
    rows = data.labelled(*parts)
    return LabelledPairs(data, rows, options.batch_size, options.negatives, options.seed)


def build(data: PreparedData, options: LogLoss, visible: Interactions, steps: int) -> TwoTower:
    """A compiled, untrained model.

    Args:
        steps: training steps over which the learning rate falls linearly to zero.
    """
    tables = EmbeddingTables(options.embedding_dim, options.seed, options.infer_embedding_sizes)
    user, item = data.unknown_user, data.unknown_item
    query_tower = tower(data.query_schema, [user], tables, options, last=[UnitLength()])
    candidate_tower = tower(data.candidate_schema, [item], tables, options, last=[UnitLength()])
    model = AbsoluteCosine(query_tower, candidate_tower)
    rate = tf.keras.optimizers.schedules.PolynomialDecay(options.learning_rate, steps, 0.0)
    optimizer = AdamW(rate, options.weight_decay)
    loss = tf.keras.losses.BinaryCrossentropy()
    model.compile(optimizer=optimizer, loss=loss, metrics=[])
    return TwoTower(model, query_tower, candidate_tower, absolute=True)


def _unit(vectors: tf.Tensor) -> tf.Tensor:
    # The epsilon keeps the gradient of a zero vector finite.
    squared = tf.reduce_sum(tf.square(vectors), axis=1, keepdims=True)
    return vectors * tf.math.rsqrt(squared + 1e-12)
