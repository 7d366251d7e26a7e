"""Wide & deep (Cheng et al., arXiv 1606.07792), by default for the label of an interaction.

Wide: a weight for every user, every item and every hashed pair of the recipe's crossed features, trained
with FTRL. Deep: embeddings of all columns, lists averaged, through an MLP. With ``dot_product`` the inner
product of the user's and the item's embedding is added, as in matrix factorisation. The prediction is
their sum plus the mean of the training labels.
"""

from typing import Any

import merlin.models.tf as mm
import numpy as np
import tensorflow as tf
from merlin.schema import Schema, Tags

from models.distributed.collectives import averaged
from models.layers.pooling import EmbeddingTables, PooledEmbedding
from models.prepared import Arrays, PreparedData, cardinality
from models.rankers.inputs_schema import Standardise, ranker_schema
from models.training.optimizer import AdamW
from recipes.schema import rankers
from runtime.safe_names import safe_name

#: An odd factor that spreads the codes of one side over the bins (Fibonacci hashing, Knuth 6.4).
SPREAD = 2654435761
#: Larger than most cardinalities: the same pair of codes falls into a different bin for each crossed feature.
CROSS_APART = 1_000_003

Crosses = tuple[tuple[str, str], ...]


class Wide(tf.keras.layers.Layer):
    """A weight per user, per item and per pair of values of each crossed feature, summed: float32 [batch, 1].

    Each value of a list forms a pair, and the mean of the pairs counts; code 0, the padding, has no weight.
    """

    def __init__(
        self, user: str, item: str, sizes: tuple[int, int], crosses: Crosses, bins: int
    ) -> None:
        super().__init__()
        self.user, self.item, self.crosses, self.bins = user, item, crosses, bins
        self.of_user = self.add_weight("of_user", (sizes[0], 1), initializer="zeros")
        self.of_item = self.add_weight("of_item", (sizes[1], 1), initializer="zeros")
        self.of_pair = self.add_weight("of_pair", (bins, 1), initializer="zeros")

    def call(self, columns: dict[str, tf.Tensor]) -> tf.Tensor:
        user, item = (tf.reshape(columns[name], (-1,)) for name in (self.user, self.item))
        summed = tf.gather(self.of_user, user) + tf.gather(self.of_item, item)
        for number, (one, other) in enumerate(self.crosses):
            first, second = (tf.cast(_matrix(columns[name]), tf.int64) for name in (one, other))
            first, second = first[:, :, None], second[:, None, :]
            bins = ((number * CROSS_APART + first) * SPREAD + second) % self.bins
            real = tf.cast((first > 0) & (second > 0), tf.float32)
            weights = tf.gather(self.of_pair[:, 0], bins) * real
            count = tf.maximum(tf.reduce_sum(real, axis=(1, 2)), 1.0)
            summed += (tf.reduce_sum(weights, axis=(1, 2)) / count)[:, None]
        return summed


class Deep(tf.keras.layers.Layer):
    """Embeddings, numbers and optionally the inner product of both ids' embeddings: float32 [batch, 1]."""

    def __init__(
        self,
        schema: Schema,
        user: str,
        item: str,
        numbers: Arrays,
        options: rankers.WideAndDeep,
        seed: int,
    ) -> None:
        super().__init__()
        tables = EmbeddingTables(options.embedding_dim, seed)
        self.user, self.item, self.dot_product = user, item, options.dot_product
        self.branches = {
            column.name: PooledEmbedding(tables.of(column))
            for column in schema.select_by_tag(Tags.CATEGORICAL)
        }
        self.numbers = Standardise(numbers) if numbers else None
        self.dropout = tf.keras.layers.Dropout(options.dropout, seed=seed)
        self.layers = mm.MLPBlock(list(options.top_layers), activation="relu")
        self.output_layer = tf.keras.layers.Dense(1)

    def call(self, columns: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        vectors = {
            name: branch(_matrix(columns[name]), training=training)
            for name, branch in self.branches.items()
        }
        inputs = list(vectors.values())
        if self.numbers is not None:
            inputs.append(self.numbers(columns))
        joined = self.dropout(tf.concat(inputs, axis=1), training=training)
        answer = self.output_layer(self.layers(joined))
        if not self.dot_product:
            return answer
        products = vectors[self.user] * vectors[self.item]
        return answer + tf.reduce_sum(products, axis=1, keepdims=True)


class WideAndDeep(tf.keras.Model):
    """Columns -> [batch, 1]: a label, or with ``probability`` the probability of a positive.

    The prediction is the mean over the ensemble members; each member is a deep side plus the shared wide
    side. In training [batch, members]: each member has its own loss, so their errors differ and cancel out
    in the mean.
    """

    def __init__(self, wide: Wide, deep: list[Deep], offset: float, probability: bool) -> None:
        super().__init__()
        self.wide, self.deep, self.probability = wide, deep, probability
        start = tf.keras.initializers.Constant(offset)
        self.offset = self.add_weight("offset", (), initializer=start, trainable=False)

    def call(self, columns: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        each = [self.offset + self.wide(columns) + deep(columns, training) for deep in self.deep]
        answers = tf.concat(each, axis=1)
        answers = tf.sigmoid(answers) if self.probability else answers
        return answers if training else tf.reduce_mean(answers, axis=1, keepdims=True)


class TwoOptimizers(tf.keras.optimizers.Optimizer):
    """FTRL for the wide variables, another optimizer for the rest.

    Merlin's MultiOptimizer is built on optimizers that Keras has moved to ``legacy``, which lack decoupled
    weight decay.
    """

    def __init__(self, wide: tf.keras.optimizers.Optimizer, deep: Any) -> None:
        super().__init__("two_optimizers")
        self.wide, self.deep = wide, deep
        self._learning_rate = self._build_learning_rate(0.0)

    def apply_gradients(self, grads_and_vars: Any, **kwargs: Any) -> tf.Variable:
        pairs = averaged(grads_and_vars)
        for optimizer, wide in ((self.wide, True), (self.deep, False)):
            own = [pair for pair in pairs if _is_wide(pair[1]) == wide]
            optimizer.apply_gradients(own, skip_gradients_aggregation=True)
        return self.iterations.assign_add(1)

    def get_config(self) -> dict[str, Any]:
        return {"wide": self.wide.get_config(), "deep": self.deep.get_config()}


def build(
    data: PreparedData, options: rankers.WideAndDeep, numbers: Arrays, steps: int
) -> tf.keras.Model:
    """A compiled, untrained model.

    Args:
        numbers: the numeric inputs of the training rows by name, float32 [n]; may be empty.
        steps: training steps over which the deep learning rate falls linearly to zero.
    """
    user, item = data.user_id, data.item_id
    schema = ranker_schema(data, options, list(numbers))
    sizes = (cardinality(user), cardinality(item))
    crosses = tuple((safe_name(one), safe_name(other)) for one, other in options.crossed_features)
    wide = Wide(user.name, item.name, sizes, crosses, options.crossed_bins)
    # Seeds far apart: each member counts up from its own seed, one per table.
    deep = [
        Deep(schema, user.name, item.name, numbers, options, options.seed + 1000 * member)
        for member in range(options.members)
    ]
    regression = options.target == "label"
    offset = float(np.mean(data.labelled("train").label)) if regression else 0.0
    model = WideAndDeep(wide, deep, offset, not regression)
    rate = tf.keras.optimizers.schedules.PolynomialDecay(options.learning_rate, steps, 0.0)
    if options.optimizer == "adagrad":
        learning = tf.keras.optimizers.Adagrad(rate)
    else:
        learning = AdamW(rate, options.weight_decay)
    ftrl = tf.keras.optimizers.Ftrl(
        options.wide_learning_rate, l2_regularization_strength=options.wide_l2
    )
    loss = "mse" if regression else "binary_crossentropy"
    model.compile(optimizer=TwoOptimizers(ftrl, learning), loss=loss, metrics=[])
    return model


def _is_wide(variable: tf.Variable) -> bool:
    return variable.name.split("/")[-1].startswith("of_")


def _matrix(codes: tf.Tensor) -> tf.Tensor:
    """[batch] or [batch, length] as [batch, length]."""
    return codes[:, None] if codes.shape.rank == 1 else codes
