"""Joint training of retriever and rating model: shared towers, and a loss for each head.

Retrieval head: softmax over the items of the batch with logQ correction, for positives. Rating head: an MLP
over both towers' vectors and their product, squared error of the label, for all interactions. Each loss is
divided by its value before anything is learnt (log of the batch size; variance of the labels), which makes
the weights of ``[joint]`` comparable. A weight of 0 leaves a single-task model of the same size.
"""

import math
from typing import Any

import merlin.models.tf as mm
import numpy as np
import tensorflow as tf
from merlin.schema import Schema

from metrics import ranking
from metrics.rating import rmse
from models.hidden_items import hidden_items
from models.interactions import relative
from models.layers.pooling import EmbeddingTables
from models.layers.towers import tower
from models.prepared import Arrays, PreparedData
from models.retrievers.two_tower import TwoTower
from models.training.batches import Batches, read_columns
from models.training.fitting import Logs, Validation, fit, with_weights
from models.training.optimizer import AdamW
from models.training.ranker_training import scores
from models.training.retriever_training import VALIDATION_K, validation_users, watched
from recipes.schema.recipe import Recipe
from recipes.schema.retrievers import Trained
from runtime.candidates.item_index import exact_search
from stages.columns import OWN, POSITIVE
from stages.log import logger

log = logger(__name__)

LABEL = f"{OWN}label"
#: The most batches of the training part on which both trainings are compared; and the share of the first's
#: figure below which the second has failed. Losses differ more from seed to seed than lists do: of two good
#: trainings on small data, 0.57 and 0.44.
LEARNT_BATCHES, LEAST_SHARE = 100, 0.7


class RatingHead(tf.keras.Model):
    """User and item columns -> the expected label, [batch, 1]."""

    def __init__(self, towers: tuple[mm.Encoder, mm.Encoder], recipe: Recipe, mean: float) -> None:
        super().__init__()
        self.query_tower, self.candidate_tower = towers
        self.hidden = mm.MLPBlock(list(recipe.ranker.top_layers), activation="relu")
        self.last = tf.keras.layers.Dense(1)
        start = tf.keras.initializers.Constant(mean)
        self.mean = self.add_weight("mean", (), initializer=start, trainable=False)

    def call(self, columns: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        query = self.query_tower(columns, training=training)
        return self.of(query, self.candidate_tower(columns, training=training))

    def of(self, query: tf.Tensor, item: tf.Tensor) -> tf.Tensor:
        """The expected label from the towers' vectors, [batch, 1]."""
        return self.mean + self.last(self.hidden(tf.concat([query, item, query * item], axis=1)))


class Joint(tf.keras.Model):
    """Both heads over one pair of towers. ``log_q``: log sampling probabilities, float32 [item codes]."""

    def __init__(self, rating: RatingHead, recipe: Recipe, item: str, log_q: np.ndarray) -> None:
        super().__init__()
        assert recipe.joint is not None  # the recipe was validated
        self.rating, self.item, self.options = rating, item, recipe.joint
        self.temperature = recipe.retriever.temperature
        self.log_q = tf.constant(log_q, tf.float32)
        self.spread = tf.Variable(1.0, trainable=False)

    def call(
        self,
        columns: dict[str, tf.Tensor],
        training: bool = False,
        weights: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The weighted loss of a batch; ``columns`` include ``LABEL`` and ``POSITIVE``.

        ``weights``: of the rows, float32 [batch]; by default ones.
        """
        weights = tf.ones_like(columns[LABEL]) if weights is None else weights
        query = self.rating.query_tower(columns, training=training)
        item = self.rating.candidate_tower(columns, training=training)
        loss = tf.constant(0.0)
        if self.options.retrieval_weight:
            loss += self.options.retrieval_weight * self._retrieval(query, item, columns, weights)
        if self.options.rating_weight:
            error = tf.reshape(columns[LABEL], (-1, 1)) - self.rating.of(query, item)
            squared = tf.reshape(weights, (-1, 1)) * tf.square(error)
            loss += self.options.rating_weight * tf.reduce_mean(squared) / self.spread
        return loss

    def _retrieval(
        self, query: tf.Tensor, item: tf.Tensor, columns: Any, weights: tf.Tensor
    ) -> tf.Tensor:
        codes = tf.reshape(columns[self.item], (-1,))
        logits = tf.matmul(query, item, transpose_b=True) / self.temperature
        logits -= tf.gather(self.log_q, codes)
        rows = tf.shape(codes)[0]
        # The same item elsewhere in the batch is an accidental hit, not a negative.
        hits = tf.logical_and(codes[:, None] == codes[None, :], ~tf.eye(rows, dtype=tf.bool))
        logits = tf.where(hits, -1e9, logits)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.range(rows), logits)
        positive = tf.reshape(tf.cast(columns[POSITIVE], tf.float32), (-1,))
        losses *= positive * tf.reshape(weights, (-1,))
        mean = tf.reduce_sum(losses) / tf.maximum(tf.reduce_sum(positive), 1.0)
        return mean / tf.math.log(tf.cast(tf.maximum(rows, 2), tf.float32))

    def train_step(self, batch: Any) -> dict[str, tf.Tensor]:
        columns, weights = batch
        with tf.GradientTape() as tape:
            loss = self(columns, training=True, weights=weights)
        pairs = zip(
            tape.gradient(loss, self.trainable_variables), self.trainable_variables, strict=True
        )
        # A head with weight 0 has no gradient.
        self.optimizer.apply_gradients([pair for pair in pairs if pair[0] is not None])
        return {"loss": loss}


def train_joint(
    recipe: Recipe, data: PreparedData, logs: Logs, figures: dict[str, Any]
) -> tuple[TwoTower, RatingHead]:
    """Train on ``train`` with early stopping on ``valid``, then on both with the same learning rates.

    The learning rate is halved after ``joint.plateau`` epochs without a better validation loss. The second
    training is ``watched``.
    """
    assert recipe.joint is not None
    joint = _untrained(recipe, data, ["train"])
    validation = _validation(recipe, data, joint)
    rates = _Rates()
    plateau = tf.keras.callbacks.ReduceLROnPlateau(
        validation.name, factor=0.5, patience=recipe.joint.plateau
    )
    epochs = fit(
        joint,
        _batches(recipe, data, ["train"]),
        epochs=recipe.joint.max_epochs,
        logs=logs.of("joint"),
        validation=validation,
        patience=recipe.joint.patience,
        further=[rates, plateau],
    )
    figures["joint"] = {"epochs": epochs, **validation.figures, "rates": rates.seen}
    figures["joint"]["learnt"] = _learnt(recipe, data, joint, ["train"])
    log.info(f"joint: training again on train and valid, {epochs} epochs")

    def again(options: Trained, logs: Logs) -> Joint:
        seeded = recipe.model_copy(update={"retriever": options})
        again = _untrained(seeded, data, ["train", "valid"])
        replayed = tf.keras.callbacks.LearningRateScheduler(lambda epoch: rates.seen[epoch])
        batches = _batches(seeded, data, ["train", "valid"])
        fit(again, batches, epochs=epochs, logs=logs, further=[replayed])
        return again

    def first(weights: Logs) -> Joint:
        first = _untrained(recipe, data, ["train"])
        with_weights(first, _batches(recipe, data, ["train"]), weights)
        return first

    joint = watched(
        "joint",
        recipe.retriever,
        logs,
        figures["joint"],
        again=again,
        first=first,
        learnt=lambda joint: _learnt(recipe, data, joint, ["train", "valid"]),
        least_share=LEAST_SHARE,
    )
    return _two_tower(joint), joint.rating


def _learnt(recipe: Recipe, data: PreparedData, joint: Joint, parts: list[str]) -> float:
    """The inverse of the weighted loss on the parts that the model was trained on; untrained about 1."""
    batches = _batches(recipe, data, parts)
    rows = (batches[number] for number in range(min(len(batches), LEARNT_BATCHES)))
    losses = [float(joint(columns, weights=weights)) for columns, weights in rows]
    return len(losses) / sum(losses)


class _Rates(tf.keras.callbacks.Callback):
    """Records the learning rate of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.seen.append(float(self.model.optimizer.learning_rate.numpy()))


def _untrained(recipe: Recipe, data: PreparedData, parts: list[str]) -> Joint:
    """A compiled model with the items' sampling probabilities and the labels' mean and variance."""
    assert recipe.joint is not None
    options = recipe.retriever
    tf.keras.utils.set_random_seed(options.seed)
    rows = data.labelled(*parts)
    tables = EmbeddingTables(options.embedding_dim, options.seed, options.infer_embedding_sizes)
    user, item = data.unknown_user, data.unknown_item
    only_id = {data.user_id.name: user[data.user_id.name]}
    towers = (
        tower(data.query_schema, [only_id, user], tables, options),
        tower(data.candidate_schema, [item], tables, options),
    )
    drawn = data.item_counts(rows.positives) + 1e-3
    log_q = np.log(drawn / drawn.sum()) if options.logq_correction else np.zeros_like(drawn)
    rating = RatingHead(towers, recipe, float(rows.label.mean()))
    joint = Joint(rating, recipe, data.item_id.name, log_q)
    joint.spread.assign(max(float(rows.label.var()), 1e-6))
    joint.compile(optimizer=AdamW(recipe.joint.learning_rate, options.weight_decay))
    return joint


def _columns(data: PreparedData, parts: list[str]) -> Arrays:
    """Columns of both towers, ``LABEL`` and ``POSITIVE`` for all interactions of the parts."""
    schema = Schema([*data.query_schema, *data.candidate_schema])
    folders = [data.files.interactions(part) for part in parts]
    rows = data.labelled(*parts)
    columns = read_columns(folders, schema, positives_only=False)
    return columns | {LABEL: rows.label, POSITIVE: rows.positive.astype(np.float32)}


def _batches(recipe: Recipe, data: PreparedData, parts: list[str]) -> Batches:
    assert recipe.joint is not None
    columns, seed = _columns(data, parts), recipe.retriever.seed
    weights = relative(data.labelled(*parts).weight)
    return Batches(columns, recipe.joint.batch_size, seed, weights, whole_batches=True)


def _two_tower(joint: Joint) -> TwoTower:
    return TwoTower(joint, joint.rating.query_tower, joint.rating.candidate_tower)


def _validation(recipe: Recipe, data: PreparedData, joint: Joint) -> Validation:
    """The weighted loss on ``valid``, and also RMSE and recall."""
    assert recipe.joint is not None
    batches = _batches(recipe, data, ["valid"])
    columns = batches.columns
    train, valid = data.interactions("train"), data.interactions("valid")
    users = validation_users(valid, recipe.retriever.seed)
    relevant = [np.unique(items) for items in valid.by_user(users)]
    hidden = hidden_items(data.seen_beside(train, valid), recipe.serving.exclude, users)
    queries = data.queries(train, users)
    two_tower = _two_tower(joint)

    def loss() -> float:
        each = (batches[number] for number in range(len(batches)))
        losses = [float(joint(columns, weights=weights)) for columns, weights in each]
        return sum(losses) / len(losses) if losses else math.nan

    def error() -> float:
        inputs = {name: column for name, column in columns.items() if name not in (LABEL, POSITIVE)}
        return rmse(scores(joint.rating, inputs), columns[LABEL])

    def recall() -> float:
        vectors, items = two_tower.embed_queries(queries), two_tower.embed_items(data.items)
        found, _ = exact_search(items, vectors, VALIDATION_K, hidden)
        return float(ranking.recall(found, relevant, VALIDATION_K).mean())

    also = {"rmse": error, f"recall_at_{VALIDATION_K}": recall}
    every = recipe.joint.log_every
    return Validation("validation_loss", loss, "joint", "min", also, every=every)
