"""The masked softmax over a sample of the items: its loss by hand, and what it learns."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from models.prepared import Interactions, PreparedData, cardinality
from models.retrievers import sampled_softmax
from recipes.schema.retrievers import SampledSoftmax
from tests.models.tastes import share_with_own_taste_first

DIM, MEMBERS, DRAWN = 4, 2, 5


def options(**settings: object) -> SampledSoftmax:
    given = {"embedding_dim": DIM, "members": MEMBERS, "negatives": DRAWN, "batch_size": 16}
    return SampledSoftmax.model_validate({"kind": "sampled-softmax", **given, **settings})


@pytest.mark.parametrize(("normalized", "hard"), [(False, 0), (True, 0), (False, 2)])
def test_the_loss_is_that_of_the_hidden_items_among_the_sample(
    data: PreparedData, monkeypatch: pytest.MonkeyPatch, normalized: bool, hard: int
) -> None:
    """By hand: the items that compete are each corrected for how often they do.

    These are other users' hidden items, the drawn ones and those near hidden ones; a user's shown items do
    not compete.
    """
    chosen = options(normalized=normalized, temperature=0.5, hard_negatives=hard)
    train = data.interactions("train")
    model = sampled_softmax.build(data, chosen, train, 10).model
    model.bias.assign(np.random.default_rng(3).normal(size=model.bias.shape))
    codes = np.array([[3, 4, 5, 6], [4, 7, 8, 0], [9, 3, 10, 0]], np.int32)
    hide = np.array([[0.9, 0.1, 0.9, 0.1], [0.1, 0.9, 0.9, 0.9], [0.9, 0.1, 0.9, 0.1]])
    drawn = np.array([12, 3, 12, 13, 14])
    items, near = cardinality(data.item_id), model.near.numpy()
    # Two of the hidden 4, 6, 4 and 3 are chosen, and one of the nearest items of each.
    pulled = near[[6, 3], [1, 2]] if hard else []

    def uniform(shape: object, *bounds: Any) -> tf.Tensor:
        if not bounds:
            return tf.constant(hide, tf.float32)
        below = {items: drawn, 4: [1, 3], near.shape[1]: [1, 2]}
        return tf.constant(below[int(bounds[1])], tf.int32)

    monkeypatch.setattr(model, "generator", SimpleNamespace(uniform=uniform))
    losses = model(tf.constant(codes), training=True).numpy()

    users = len(np.unique(train.users))
    taken = np.bincount(data.items[data.item_id.name][train.items], minlength=items)
    rate = taken * chosen.history_dropout * 16 / users + DRAWN / items
    for item in range(items) if hard else []:
        for other in near[item]:
            rate[other] += hard * taken[item] / taken.sum() / near.shape[1]
    correction = np.log(1 - np.exp(-rate))
    shown = [[3, 5], [7, 8], [9, 10]]
    hidden = [[4, 6], [4], [3]]
    sample = np.union1d([3, 4, 6, 12, 13, 14], pulled).astype(int)
    assert (len(sample) > 6) == (hard > 0)
    for member in range(MEMBERS):
        table, bias = model.embeddings.numpy()[:, member], model.bias.numpy()[:, member]
        for user in range(3):
            query = table[shown[user]].sum(axis=0) / len(shown[user]) ** model.history_power
            scores = (table @ query + bias) / 0.5 - correction
            if normalized:
                lengths = np.linalg.norm(table, axis=1) * np.linalg.norm(query)
                scores = table @ query / lengths / 0.5 - correction
            among = np.setdiff1d(sample, shown[user])
            found = scores[hidden[user]] - np.log(np.exp(scores[among]).sum())
            expected = -found.sum() / np.sqrt(len(hidden[user]))
            assert losses[user, member] == pytest.approx(expected, rel=1e-3)


def test_hard_negatives_are_taken_by_the_same_users(data: PreparedData) -> None:
    """The nearest items share users with the item; one that shares none gets itself."""
    train = data.interactions("train")
    model = sampled_softmax.build(data, options(hard_negatives=3), train, 10).model
    codes, near = data.items[data.item_id.name], model.near.numpy()
    users = [set(train.users[train.items == row].tolist()) for row in range(data.item_count)]
    for row, code in enumerate(codes):
        for other in set(near[code].tolist()) - {code}:
            assert users[row] & users[int(np.flatnonzero(codes == other)[0])]
    unseen = np.setdiff1d(np.arange(len(near)), codes)
    assert (near[unseen] == unseen[:, None]).all()


def test_batches_are_the_codes_of_users_with_two_items(data: PreparedData) -> None:
    """Padded with 0 to the longest row; a user with one item is left out, a repeated item appears once."""
    visible = Interactions(np.array([0, 0, 0, 1, 2, 2, 2]), np.array([3, 4, 5, 5, 6, 7, 7]))
    batches = sampled_softmax.CodeLists(data, visible, size=1, seed=0)
    rows = np.concatenate([batches[place][0] for place in range(len(batches))])
    codes = data.items[data.item_id.name]
    expected = [sorted(codes[[3, 4, 5]]), sorted([0, *codes[[6, 7]]])]
    assert sorted(sorted(row) for row in rows.tolist()) == sorted(expected)


def test_it_learns_who_likes_what(data: PreparedData) -> None:
    """After a few epochs nearly every customer's unseen items of their own taste score higher."""
    chosen = options(learning_rate=0.05)
    tf.keras.utils.set_random_seed(1)
    train = data.interactions("train")
    two_tower = sampled_softmax.build(data, chosen, train, 160)
    two_tower.model.fit(sampled_softmax.batches(data, chosen, ["train"]), epochs=40, verbose=0)
    assert share_with_own_taste_first(data, two_tower, train) > 0.9


def test_normalized_towers_score_by_the_cosine(data: PreparedData) -> None:
    """Each member's vector has length 1 on both sides, and the sum of the members' cosines is the score."""
    train = data.interactions("train")
    two_tower = sampled_softmax.build(data, options(normalized=True), train, 10)
    queries = two_tower.embed_queries(data.queries(train))
    items = two_tower.embed_items(data.items)
    for vectors in (queries, items):
        members = vectors.reshape(len(vectors), MEMBERS, DIM + 1)[:, :, :DIM]
        np.testing.assert_allclose(np.linalg.norm(members, axis=2), 1, rtol=1e-5)
    assert np.abs(queries @ items.T).max() <= MEMBERS + 1e-5
