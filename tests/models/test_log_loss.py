"""The head ``log-loss``: its rows, its probability by hand, and that it learns two tastes."""

import numpy as np
import pytest
import tensorflow as tf

from models.prepared import Labelled, PreparedData
from models.retrievers import log_loss
from models.retrievers.two_tower import TwoTower
from recipes.schema.retrievers import LogLoss

NEGATIVES = 3


def options(**changes: object) -> LogLoss:
    content = {"kind": "log-loss", "embedding_dim": 8, "batch_size": 64, "negatives": NEGATIVES}
    return LogLoss.model_validate({**content, **changes})


def built(data: PreparedData, **changes: object) -> TwoTower:
    tf.keras.utils.set_random_seed(1)
    return log_loss.build(data, options(**changes), data.interactions("train"), 200)


def weighted(data: PreparedData) -> Labelled:
    """The training part with every third interaction not positive, and a different weight for each row."""
    rows = data.labelled("train")
    number = np.arange(len(rows), dtype=np.float32)
    positive = number % 3 > 0
    return Labelled(rows.users, rows.items, rows.label, 2 + number, positive, positive, number)


def test_each_positive_brings_items_that_the_user_never_took(data: PreparedData) -> None:
    """Interactions keep label and weight; a sampled negative has label 0, weight 1, or 0 if it was taken."""
    rows = weighted(data)
    taken = set(zip(rows.users[rows.positive], rows.items[rows.positive], strict=True))
    pairs = log_loss.LabelledPairs(data, rows, 64, NEGATIVES, seed=7)
    item_of = {code: row for row, code in enumerate(data.items[data.item_id.name])}
    found: list[tuple[int, int, float, float]] = []
    counted = 0
    for batch in range(len(pairs)):
        columns, label, weight = pairs[batch]
        order = pairs.order[batch * 64 : (batch + 1) * 64]
        users = rows.users[order]
        assert (columns[data.user_id.name] == data.users[data.user_id.name][users]).all()
        items = np.array([item_of[code] for code in columns[data.item_id.name]])
        items, label, weight = (one.reshape(-1, 1 + NEGATIVES) for one in (items, label, weight))
        found += zip(users, items[:, 0], label[:, 0], weight[:, 0], strict=True)
        assert (label[:, 1:] == 0).all()
        for row, user in enumerate(users):
            for item, weighs in zip(items[row, 1:], weight[row, 1:], strict=True):
                expected = rows.positive[order[row]] and (user, item) not in taken
                assert weighs == expected
                counted += int(expected)
    expected_rows = zip(
        rows.users, rows.items, rows.positive.astype(float), rows.weight, strict=True
    )
    assert sorted(found) == sorted(expected_rows)
    positives = int(rows.positive.sum())
    assert 0.3 * NEGATIVES * positives < counted < NEGATIVES * positives


def test_a_row_does_not_see_its_own_item_in_the_history(data: PreparedData) -> None:
    """The remaining history is all of the user's other positives."""
    assert data.history is not None
    rows = data.labelled("train")
    pairs = log_loss.LabelledPairs(data, rows, len(rows), 0, seed=7)
    columns, label, _ = pairs[0]
    assert label.all()
    whole = data.queries(data.interactions("train"))[data.history.name]
    for place, row in enumerate(pairs.order):
        own = columns[data.item_id.name][place]
        left = set(columns[data.history.name][place]) - {0}
        assert left == set(whole[rows.users[row]]) - {0, own}


def test_the_absolute_cosine_gives_the_probability(data: PreparedData) -> None:
    """The two towers' outputs have length 1; the weighted loss of two rows is computed by hand."""
    two_tower = built(data)
    rows = data.queries(data.interactions("train"), np.arange(2))
    columns = rows | {name: column[:2] for name, column in data.items.items()}
    queries, items = two_tower.embed_queries(rows), two_tower.embed_items(data.items)[:2]
    np.testing.assert_allclose(np.linalg.norm(queries, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(items, axis=1), 1, atol=1e-5)
    cosines = np.abs((queries * items).sum(axis=1))
    probabilities = 0.01 + 0.98 * cosines
    found = two_tower.model(columns).numpy().ravel()
    np.testing.assert_allclose(found, probabilities, atol=1e-5)
    weights = np.array([3.0, 0.5], np.float32)
    loss = two_tower.model.evaluate(columns, np.array([1.0, 0.0]), sample_weight=weights, verbose=0)
    by_hand = -(3.0 * np.log(probabilities[0]) + 0.5 * np.log(1 - probabilities[1])) / 2
    assert loss == pytest.approx(by_hand, rel=1e-3)
    assert two_tower.absolute


@pytest.mark.parametrize("cosine", [0.0, 1e-9, 1e-6, 1e-3])
def test_a_positive_with_a_cosine_of_nothing_does_not_outweigh_the_batch(cosine: float) -> None:
    """Its gradient is at most 100 times that of a certain positive, which is 1, on either side of zero."""
    for side in (cosine, -cosine):
        vectors = tf.constant([[1.0, 0.0], [side, (1 - cosine**2) ** 0.5]])
        model = log_loss.AbsoluteCosine(*([lambda columns, training: columns[:1]] * 2))
        model.candidate_tower = lambda columns, training: columns[1:]
        with tf.GradientTape() as tape:
            tape.watch(vectors)
            loss = tf.keras.losses.BinaryCrossentropy()(tf.ones((1, 1)), model.call(vectors))
        assert np.abs(tape.gradient(loss, vectors).numpy()).max() <= 100


def test_every_cosine_begins_on_the_same_side(data: PreparedData) -> None:
    """Before training hardly any pair has a negative cosine, so pairs pull in one direction."""
    two_tower = built(data, embedding_dim=32)
    queries = two_tower.embed_queries(data.queries(data.interactions("train")))
    cosines = queries @ two_tower.embed_items(data.items).T
    assert (cosines > 0).mean() > 0.99
    assert 0.3 < cosines.mean() < 0.7


def test_it_learns_two_tastes(data: PreparedData) -> None:
    """After a short training nearly every user's own half of the products scores higher."""
    settings = {"learning_rate": 0.03, "history_dropout": 0.2}
    two_tower = built(data, **settings)
    batches = log_loss.batches(data, options(**settings), ["train"])
    two_tower.model.fit(batches, epochs=12, verbose=0)
    queries = two_tower.embed_queries(data.queries(data.interactions("train")))
    scores = np.abs(queries @ two_tower.embed_items(data.items).T)
    customers = [int(name[1:]) for name in data.raw_user_ids]
    products = np.array([int(name) for name in data.raw_item_ids])
    own = [
        scores[row][(products - 1) // 20 == customer % 2].mean()
        - scores[row][(products - 1) // 20 != customer % 2].mean()
        for row, customer in enumerate(customers)
    ]
    assert np.mean(np.array(own) > 0) > 0.9
