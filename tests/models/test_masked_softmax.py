"""The head ``masked-softmax``: its loss and its vectors by hand, and that it learns two tastes."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from models.item_models import linear
from models.prepared import Arrays, Interactions, PreparedData
from models.retrievers import masked_softmax
from models.retrievers.two_tower import TwoTower
from recipes.schema.item_models import Linear
from recipes.schema.retrievers import MaskedSoftmax
from stages.errors import ShortlistError
from tests.models.tastes import share_with_own_taste_first

MEMBERS, DIM = 2, 5


def options(**changes: object) -> MaskedSoftmax:
    content = {"kind": "masked-softmax", "embedding_dim": DIM, "members": MEMBERS, "batch_size": 16}
    return MaskedSoftmax.model_validate({**content, **changes})


def built(data: PreparedData, **changes: object) -> TwoTower:
    """A model with a random bias for every item."""
    tf.keras.utils.set_random_seed(1)
    two_tower = masked_softmax.build(data, options(**changes), data.interactions("train"), 50)
    bias = two_tower.model.bias
    bias.assign(np.random.default_rng(2).normal(size=bias.shape))
    return two_tower


def test_the_loss_is_of_the_hidden_items_among_all_but_the_shown(
    data: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Per user and member: the hidden items' negative log likelihood over the root of their number."""
    model = built(data).model
    items = model.embeddings.shape[0]
    draws = np.random.default_rng(4)
    taken = (draws.random((3, items)) < 0.4).astype(np.float32)
    drawn = draws.random((3, MEMBERS, items)).astype(np.float32)
    drawing = SimpleNamespace(uniform=lambda shape: tf.constant(drawn))
    monkeypatch.setattr(model, "generator", drawing)
    losses = model(tf.constant(taken), training=True).numpy()
    tables, bias = model.embeddings.numpy(), model.bias.numpy()
    for user in range(3):
        for member in range(MEMBERS):
            shown = np.flatnonzero((taken[user] > 0) & (drawn[user, member] >= model.dropout))
            hidden = np.flatnonzero((taken[user] > 0) & (drawn[user, member] < model.dropout))
            table = tables[:, member]
            scores = table @ (table[shown].sum(axis=0) / len(shown) ** model.history_power)
            scores = (scores + bias[:, member]).astype(np.float64)
            possible = np.setdiff1d(np.arange(items), shown)
            log_likelihood = scores[hidden] - np.log(np.exp(scores[possible]).sum())
            expected = -log_likelihood.sum() / np.sqrt(len(hidden))
            assert losses[user, member] == pytest.approx(expected, rel=1e-4)


def by_hand(data: PreparedData, two_tower: TwoTower, weight: float) -> np.ndarray:
    """Scores [users, items] after the training part: the members' and the linear model's, added up."""
    model = two_tower.model
    tables, bias = model.embeddings.numpy(), model.bias.numpy()
    train = data.interactions("train")
    leading, led_to = linear.factors(
        linear.item_weights(train, data.user_count, data.item_count, Linear()), 3
    )
    codes = data.items[data.item_id.name]
    assert data.history is not None
    length = data.queries(train)[data.history.name].shape[1]
    scores = np.zeros((data.user_count, data.item_count))
    for user, past in enumerate(train.by_user(data.user_count)):
        last = past[-length:]
        for member in range(MEMBERS):
            table = tables[codes, member]
            pooled = table[last].sum(axis=0) / max(len(last), 1) ** model.history_power
            scores[user] += table @ pooled + bias[codes, member]
        scores[user] += weight * MEMBERS * (led_to @ leading[last].sum(axis=0))
    return scores


def test_one_inner_product_adds_up_members_and_the_linear_model(data: PreparedData) -> None:
    """The inner product of the towers' vectors sums all members' scores, biases and the linear weights."""
    weight = 2.5
    two_tower = built(data, linear_dim=3, linear_weight=weight)
    queries = two_tower.embed_queries(data.queries(data.interactions("train")))
    products = queries @ two_tower.embed_items(data.items).T
    assert queries.shape == (data.user_count, MEMBERS * (DIM + 1) + 3)
    np.testing.assert_allclose(products, by_hand(data, two_tower, weight), rtol=1e-3, atol=1e-4)


def test_a_user_without_a_past_is_scored_by_the_biases(data: PreparedData) -> None:
    """Padding adds nothing: the order is that of the biases alone."""
    two_tower = built(data, linear_dim=3)
    unknown: Arrays = data.unknown_user
    products = two_tower.embed_queries(unknown) @ two_tower.embed_items(data.items).T
    bias = two_tower.model.bias.numpy()[data.items[data.item_id.name]]
    np.testing.assert_allclose(products[0], bias.sum(axis=1), rtol=1e-4, atol=1e-5)


def test_it_learns_who_likes_what(data: PreparedData) -> None:
    """After a few epochs nearly every customer's unseen items of their own taste score higher."""
    chosen = options(learning_rate=0.05, history_dropout=0.5)
    tf.keras.utils.set_random_seed(1)
    train = data.interactions("train")
    two_tower = masked_softmax.build(data, chosen, train, 160)
    batches = masked_softmax.batches(data, chosen, ["train"])
    two_tower.model.fit(batches, epochs=40, verbose=0)
    assert share_with_own_taste_first(data, two_tower, train) > 0.9


def test_batches_are_the_users_with_something_to_show_and_something_to_hide(
    data: PreparedData,
) -> None:
    """One row per user over the item codes; a user with one item is left out, an epoch covers all others."""
    visible = Interactions(np.array([0, 0, 1, 2, 2, 2]), np.array([3, 4, 5, 6, 7, 7]))
    batches = masked_softmax.Baskets(data, visible, size=1, seed=0)
    rows = np.concatenate([batches[place][0] for place in range(len(batches))])
    codes = data.items[data.item_id.name]
    shown = sorted(tuple(np.flatnonzero(row)) for row in rows)
    assert shown == sorted(tuple(sorted(codes[pair])) for pair in ([3, 4], [6, 7]))
    assert rows.max() == 1


def test_a_part_where_nobody_has_two_items_is_refused(data: PreparedData) -> None:
    """Before training, with what the head needs."""
    single = Interactions(np.array([0, 1]), np.array([3, 4]))
    with pytest.raises(ShortlistError, match="two different items"):
        masked_softmax.Baskets(data, single, size=8, seed=0)


def test_a_catalogue_too_large_for_the_linear_model_is_refused(
    data: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its closed form would take too much memory; the error names the key to change."""
    monkeypatch.setattr(masked_softmax, "MOST_ITEMS", data.item_count - 1)
    with pytest.raises(ShortlistError, match="linear_dim = 0"):
        built(data, linear_dim=3)


def test_a_table_embedded_in_many_passes_is_the_same(
    data: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long histories go through the tower a few at a time; no user is lost or reordered."""
    encoder = built(data, linear_dim=3)
    columns = data.queries(data.interactions("train"))
    at_once = encoder.embed_queries(columns)
    values = sum(column.size for column in columns.values()) // data.user_count
    monkeypatch.setattr("models.retrievers.two_tower.EMBED_VALUES", 7 * values)
    np.testing.assert_allclose(encoder.embed_queries(columns), at_once, rtol=1e-5, atol=1e-6)
