"""A user's history against all items: each step hides part of the history, and the model must find it.

The query is the history alone: the sum of its items' embeddings, divided by their number to a power.
Candidates have the same embeddings, and a bias. The loss is the multinomial likelihood of the hidden items
among all items (Liang et al., "Variational autoencoders for collaborative filtering", WWW 2018), here with
the same table on both sides and without the variational part. A softmax over a batch samples the items
unevenly; this one scores all of them, so the scores of the whole catalogue for every user of a batch must
fit in memory.

Several ensemble members, each with its own initial weights and its own hidden items, are concatenated in one
vector: the inner product then adds up their scores. ``linear_dim`` adds the factors of the linear model
(``models.item_models.linear``).
"""

from typing import Any

import numpy as np
import tensorflow as tf

from models.distributed.workers import share
from models.item_models.linear import MOST_ITEMS, factors, item_weights
from models.item_models.user_items import user_items
from models.prepared import Interactions, PreparedData, cardinality
from models.retrievers.two_tower import TwoTower
from models.training.optimizer import AdamW
from models.training.random_state import generator
from recipes.schema.item_models import Linear
from recipes.schema.retrievers import Histories
from stages.errors import ShortlistError


class Baskets(tf.keras.utils.Sequence):
    """Users of a batch as rows over item codes, in an order drawn anew each epoch.

    A row has the weights of the user's items, without weights ones, and zeros for all other items.

    Raises:
        ShortlistError: no user has two different items.
    """

    def __init__(self, data: PreparedData, visible: Interactions, size: int, seed: int) -> None:
        super().__init__()
        codes = data.items[data.item_id.name][visible.items]
        pairs = Interactions(visible.users, codes, visible.weights)
        taken = user_items(pairs, data.user_count, cardinality(data.item_id), weighted=True)
        # A user with a single item has nothing both to show and to hide.
        self.taken = taken[np.diff(taken.indptr) > 1]
        if not self.taken.shape[0]:
            raise ShortlistError(
                "expected users with two different items in the training part, found none: the retrievers "
                "'masked-softmax' and 'sampled-softmax' show the model some of a user's items and hide the "
                "others. Provide more interactions, lower split.test and split.valid, or set retriever.kind "
                "= 'softmax'."
            )
        self.size = min(size, self.taken.shape[0])
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        return -(-self.taken.shape[0] // self.size)

    def rows_of(self, batch: int) -> np.ndarray:
        """Numbers of the batch's users, or of this worker's share of them."""
        return share(self.order[batch * self.size : (batch + 1) * self.size])

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.rows_of(batch)
        return self.taken[rows].toarray(), np.zeros(len(rows), np.float32)

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(self.taken.shape[0])


class MaskedSoftmax(tf.keras.Model):
    """Embedding tables [items, members, dim] and biases [items, members], trained on ``Baskets``.

    ``normalized``: the towers' vectors have length 1 in each member.
    """

    normalized = False

    def __init__(self, items: int, options: Histories) -> None:
        super().__init__()
        self.dropout = options.history_dropout
        self.history_power = options.history_power
        shape = (items, options.members, options.embedding_dim)
        start = tf.keras.initializers.RandomNormal(stddev=0.05, seed=options.seed)
        self.embeddings = self.add_weight("embeddings", shape, initializer=start)
        self.bias = self.add_weight("bias", shape[:2], initializer="zeros")
        self.members = options.members
        self.generator = generator()

    def call(self, taken: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The loss of each user, [batch, members], for a new draw of hidden items."""
        weights = taken[:, None, :]
        several = tf.repeat(tf.cast(weights > 0, tf.float32), self.members, axis=1)
        shown = several * tf.cast(
            self.generator.uniform(tf.shape(several)) >= self.dropout, tf.float32
        )
        hidden = several - shown
        count = tf.reduce_sum(shown, axis=2, keepdims=True)
        query = tf.einsum("bci,icd->bcd", shown, self.embeddings)
        query /= tf.maximum(count, 1.0) ** self.history_power
        scores = tf.einsum("bcd,icd->bci", query, self.embeddings) + tf.transpose(self.bias)
        # A shown item cannot be an answer.
        likelihood = tf.nn.log_softmax(scores - 1e9 * shown, axis=2)
        found = tf.reduce_sum(weights * hidden * tf.maximum(likelihood, -1e6), axis=2)
        # A compromise between equal weights per interaction and per user.
        return -found / tf.sqrt(tf.maximum(tf.reduce_sum(hidden, axis=2), 1.0))

    def losses_of(self, batch: Any) -> tf.Tensor:
        """The loss of each user of a batch of ``Baskets``, [batch, members]."""
        return self(batch[0], training=True)

    def train_step(self, batch: Any) -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.reduce_sum(self.losses_of(batch), axis=1))
        self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
        return {"loss": loss}


class HistoryTower(tf.keras.Model):
    """History codes [batch, length], padded with 0 -> float32 [batch, members * (dim + 1) + linear].

    Per member a vector and a 1, which multiplies the candidate's bias.
    """

    def __init__(self, model: MaskedSoftmax, history: str, linear: np.ndarray | None) -> None:
        super().__init__()
        self.trained, self.history = model, history
        self.linear = _constant(self, linear)

    def call(self, columns: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        codes = columns[self.history]
        codes = tf.squeeze(codes, axis=-1) if codes.shape.rank == 3 else codes
        weights = tf.cast(codes > 0, tf.float32)
        count = tf.maximum(tf.reduce_sum(weights, axis=1), 1.0)
        summed = tf.einsum("bl,blcd->bcd", weights, tf.gather(self.trained.embeddings, codes))
        query = summed / count[:, None, None] ** self.trained.history_power
        if self.trained.normalized:
            query = tf.math.l2_normalize(query, axis=2)
        both = tf.concat([query, tf.ones_like(query[:, :, :1])], axis=2)
        flat = tf.reshape(both, (-1, both.shape[1] * both.shape[2]))
        if self.linear is None:
            return flat
        led = tf.einsum("bl,bld->bd", weights, tf.gather(self.linear, codes))
        return tf.concat([flat, led], axis=1)


class ItemTower(tf.keras.Model):
    """Item codes [batch] or [batch, 1] -> float32 of the query's width: per member a vector and its bias."""

    def __init__(self, model: MaskedSoftmax, item: str, linear: np.ndarray | None) -> None:
        super().__init__()
        self.trained, self.item = model, item
        self.linear = _constant(self, linear)

    def call(self, columns: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        codes = tf.reshape(columns[self.item], (-1,))
        vectors = tf.gather(self.trained.embeddings, codes)
        if self.trained.normalized:
            vectors = tf.math.l2_normalize(vectors, axis=2)
        both = tf.concat([vectors, tf.gather(self.trained.bias, codes)[:, :, None]], axis=2)
        flat = tf.reshape(both, (-1, both.shape[1] * both.shape[2]))
        if self.linear is None:
            return flat
        return tf.concat([flat, tf.gather(self.linear, codes)], axis=1)


def batches(data: PreparedData, options: Histories, parts: list[str]) -> Baskets:
    """Every user with at least two positives in the parts."""
    return batches_of(data, options, data.interactions(*parts))


def batches_of(data: PreparedData, options: Histories, visible: Interactions) -> Baskets:
    """Every user with at least two positives among the interactions."""
    return Baskets(data, visible, options.batch_size, options.seed)


def build(data: PreparedData, options: Histories, visible: Interactions, steps: int) -> TwoTower:
    """A compiled, untrained model.

    Args:
        visible: the training positives; the linear model is fitted to them.
        steps: training steps over which the learning rate falls linearly to zero.
    Raises:
        ShortlistError: the catalogue is too large for the linear model.
    """
    model = MaskedSoftmax(cardinality(data.item_id), options)
    return with_towers(model, data, options, visible, steps)


def with_towers(
    model: MaskedSoftmax, data: PreparedData, options: Histories, visible: Interactions, steps: int
) -> TwoTower:
    """Compile the model and add the two towers that read its tables; arguments and errors as ``build``."""
    assert data.history is not None  # the recipe was validated
    rate = tf.keras.optimizers.schedules.PolynomialDecay(options.learning_rate, steps, 0.0)
    model.compile(optimizer=AdamW(rate, options.weight_decay))
    leading, led_to = _linear(data, options, visible)
    query_tower = HistoryTower(model, data.history.name, leading)
    return TwoTower(model, query_tower, ItemTower(model, data.item_id.name, led_to))


def _linear(
    data: PreparedData, options: Histories, visible: Interactions
) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
    """The linear model's factors by item code, weighted for the sum of scores."""
    if not options.linear_dim:
        return None, None
    if data.item_count > MOST_ITEMS:
        raise ShortlistError(
            f"expected at most {MOST_ITEMS:,} items for retriever.linear_dim, got {data.item_count:,}. Set "
            "linear_dim = 0."
        )
    weights = item_weights(visible, data.user_count, data.item_count, Linear())
    codes = data.items[data.item_id.name]
    tables = []
    for factor in factors(weights, options.linear_dim):
        table = np.zeros((cardinality(data.item_id), factor.shape[1]), np.float32)
        table[codes] = factor
        tables.append(table)
    return tables[0] * np.float32(options.linear_weight * options.members), tables[1]


def _constant(layer: tf.keras.Model, values: np.ndarray | None) -> tf.Variable | None:
    """A weight that is saved with the model and not trained."""
    if values is None:
        return None
    start = tf.keras.initializers.Constant(values)
    return layer.add_weight("linear", values.shape, initializer=start, trainable=False)
