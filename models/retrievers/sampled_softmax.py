"""The masked softmax over a sample of the items, for catalogues that are too large to score whole.

A user's hidden items compete with those of the other users of the batch, with items that are drawn at random
from the whole catalogue (mixed negatives: J. Yang et al., "Mixed negative sampling for learning two-tower
neural networks in recommendations", WWW 2020), and, if the recipe asks for them, with hard negatives: items
that the users of a hidden item also interacted with, the hardest to distinguish from it. Frequent items are
more often in the sample, so each score is lowered by the log of the probability that its item is in the
sample (logQ correction: X. Yi et al., RecSys 2019).
"""

from typing import Any

import numpy as np
import tensorflow as tf

from models.item_models.neighbours import item_neighbours
from models.prepared import Interactions, PreparedData, cardinality
from models.retrievers.masked_softmax import Baskets, MaskedSoftmax, with_towers
from models.retrievers.two_tower import TwoTower
from recipes.schema import retrievers as options_of
from runtime.lists import padded

#: How many nearest items of a hidden item the hard negatives are drawn from.
NEAR = 50


class CodeLists(Baskets):
    """The users of a batch as rows of item codes int32, and of their weights float32.

    Both are padded with 0 to the longest row of any user.
    """

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.rows_of(batch)
        lengths = np.diff(self.taken.indptr)
        taken, width = self.taken[rows], lengths.max()
        codes = padded(taken.indices, lengths[rows], width)
        return codes, padded(taken.data, lengths[rows], width)


class SampledSoftmax(MaskedSoftmax):
    """As ``MaskedSoftmax``, trained on ``CodeLists``.

    Args:
        taken: users of each item, float32 [items]. ``share``: the share of the users that are in a batch.
        near: nearest items of each item, int32 [items, NEAR]; padded with the item itself.
    """

    def __init__(
        self,
        items: int,
        options: options_of.SampledSoftmax,
        taken: np.ndarray,
        share: float,
        near: np.ndarray,
    ) -> None:
        super().__init__(items, options)
        self.sampled, self.temperature = options.negatives, options.temperature
        self.normalized = options.normalized
        self.hard, self.near = options.hard_negatives, tf.constant(near, tf.int32)
        # An item is absent if it is neither hidden nor drawn: exp(-rate), as for a Poisson process.
        rate = taken * options.history_dropout * share + self.sampled / items
        of_one = np.repeat(taken / taken.sum() / near.shape[1], near.shape[1])
        rate += self.hard * np.bincount(near.ravel(), of_one, items)
        self.log_probability = tf.constant(np.log(-np.expm1(-rate) + 1e-20), tf.float32)

    def call(
        self, codes: tf.Tensor, training: bool = False, weights: tf.Tensor | None = None
    ) -> tf.Tensor:
        """The loss of each user, [batch, members], for a new draw of hidden items.

        ``weights``: of the items, float32 like ``codes``; by default ones.
        """
        weights = tf.ones_like(codes, tf.float32) if weights is None else weights
        losses = [self._of_member(codes, weights, member) for member in range(self.members)]
        return tf.stack(losses, axis=1)

    def losses_of(self, batch: Any) -> tf.Tensor:
        """The loss of each user of a batch of ``CodeLists``, [batch, members]."""
        codes, weights = batch
        return self(codes, training=True, weights=weights)

    def _of_member(self, codes: tf.Tensor, weights: tf.Tensor, member: int) -> tf.Tensor:
        users, items = tf.shape(codes)[0], self.embeddings.shape[0]
        known = codes > 0
        keep = self.generator.uniform(tf.shape(codes)) >= self.dropout
        shown, hidden = tf.where(known & keep), tf.where(known & ~keep)
        shown_codes, hidden_codes = tf.gather_nd(codes, shown), tf.gather_nd(codes, hidden)
        drawn = self.generator.uniform((self.sampled,), 0, items, tf.int32)
        sample = [hidden_codes, drawn]
        if self.hard:
            sample.append(self._near(hidden_codes))
        sample = tf.unique(tf.concat(sample, axis=0)).y

        table, bias = self.embeddings[:, member], self.bias[:, member]
        count = tf.math.bincount(tf.cast(shown[:, 0], tf.int32), minlength=users, maxlength=users)
        summed = tf.math.unsorted_segment_sum(tf.gather(table, shown_codes), shown[:, 0], users)
        query = summed / tf.maximum(tf.cast(count, tf.float32), 1.0)[:, None] ** self.history_power
        vectors = tf.gather(table, sample)
        if self.normalized:  # the biases then stay at their initial 0
            query, vectors = tf.math.l2_normalize(query, 1), tf.math.l2_normalize(vectors, 1)
        else:
            query = tf.concat([query, tf.ones_like(query[:, :1])], axis=1)
            vectors = tf.concat([vectors, tf.gather(bias, sample)[:, None]], axis=1)
        scores = tf.matmul(query, vectors, transpose_b=True) / self.temperature
        scores -= tf.gather(self.log_probability, sample)

        place = tf.tensor_scatter_nd_update(
            tf.fill((items,), -1), sample[:, None], tf.range(tf.size(sample))
        )
        shown_place = tf.gather(place, shown_codes)
        among = tf.boolean_mask(
            tf.stack([tf.cast(shown[:, 0], tf.int32), shown_place], axis=1), shown_place >= 0
        )
        # A shown item cannot be an answer.
        scores = tf.tensor_scatter_nd_add(scores, among, tf.fill((tf.shape(among)[0],), -1e9))
        answer = tf.stack([tf.cast(hidden[:, 0], tf.int32), tf.gather(place, hidden_codes)], axis=1)
        likelihood = tf.gather_nd(tf.nn.log_softmax(scores, axis=1), answer)
        weighted = tf.gather_nd(weights, hidden) * tf.maximum(likelihood, -1e6)
        found = tf.math.unsorted_segment_sum(weighted, hidden[:, 0], users)
        asked = tf.math.unsorted_segment_sum(tf.ones_like(likelihood), hidden[:, 0], users)
        return -found / tf.sqrt(tf.maximum(asked, 1.0))

    def _near(self, hidden: tf.Tensor) -> tf.Tensor:
        """Neighbours of some of the hidden items, int32 [hard], or none if nothing is hidden."""
        count = tf.where(tf.size(hidden) > 0, self.hard, 0)
        chosen = self.generator.uniform((count,), 0, tf.maximum(tf.size(hidden), 1), tf.int32)
        which = self.generator.uniform((count,), 0, self.near.shape[1], tf.int32)
        return tf.gather_nd(self.near, tf.stack([tf.gather(hidden, chosen), which], axis=1))


def batches(data: PreparedData, options: options_of.SampledSoftmax, parts: list[str]) -> CodeLists:
    """Every user with at least two positives in the parts."""
    return batches_of(data, options, data.interactions(*parts))


def batches_of(
    data: PreparedData, options: options_of.SampledSoftmax, visible: Interactions
) -> CodeLists:
    """Every user with at least two positives among the interactions."""
    return CodeLists(data, visible, options.batch_size, options.seed)


def build(
    data: PreparedData, options: options_of.SampledSoftmax, visible: Interactions, steps: int
) -> TwoTower:
    """As ``masked_softmax.build``."""
    items = cardinality(data.item_id)
    codes = data.items[data.item_id.name][visible.items]
    taken = np.bincount(codes, minlength=items)
    users = len(np.unique(visible.users))
    share = min(1.0, options.batch_size / users)
    near = _near_codes(data, visible, items) if options.hard_negatives else _alone(items)
    model = SampledSoftmax(items, options, taken, share, near)
    return with_towers(model, data, options, visible, steps)


def _near_codes(data: PreparedData, visible: Interactions, items: int) -> np.ndarray:
    """By item code, the codes of its nearest items, int64 [items, NEAR]; padded with the code itself."""
    codes = data.items[data.item_id.name]
    found = item_neighbours(visible, data.user_count, data.item_count, NEAR).rows
    near = np.repeat(_alone(items), found.shape[1], axis=1)
    near[codes] = np.where(found >= 0, codes[found], codes[:, None])
    return near


def _alone(items: int) -> np.ndarray:
    return np.arange(items)[:, None]
