"""The two-tower model's loss against a softmax computed in NumPy from the towers' vectors."""

import merlin.models.tf as mm
import numpy as np
import pytest
import tensorflow as tf
from merlin.models.tf.outputs.base import DotProduct
from merlin.models.tf.transforms.bias import PopularityLogitsCorrection
from merlin.schema import ColumnSchema, Schema, Tags

from models.prepared import Arrays, Interactions, PreparedData
from models.retrievers import softmax
from models.retrievers.softmax import build
from models.retrievers.two_tower import TwoTower
from recipes.schema.retrievers import Softmax

#: No randomness, and a step hardly moves the weights.
STILL = {"embedding_dim": 8, "unknown_rate": 0.0, "history_dropout": 0.0, "learning_rate": 1e-12}
USERS = np.array([0, 1, 2, 3, 4])
#: Item 7 is in the batch three times.
ITEMS = np.array([7, 3, 7, 12, 7])


def batch(data: PreparedData, items: np.ndarray) -> Arrays:
    """``USERS`` paired with ``items``, as a training batch."""
    queries = data.queries(data.interactions("train"), USERS)
    return queries | {name: column[items] for name, column in data.items.items()}


def built(data: PreparedData, visible: Interactions, **options: object) -> TwoTower:
    tf.keras.utils.set_random_seed(1)
    two_tower = build(data, Softmax.model_validate({**STILL, **options}), visible, 10)
    two_tower.model.run_eagerly = True  # one or two steps are not worth a graph
    return two_tower


def loss_of(data: PreparedData, two_tower: TwoTower, items: np.ndarray = ITEMS) -> float:
    figures = two_tower.model.train_on_batch(
        batch(data, items), np.ones(len(items)), return_dict=True
    )
    return float(figures["loss"])


def by_hand(
    data: PreparedData,
    two_tower: TwoTower,
    items: np.ndarray,
    temperature: float,
    log_q: np.ndarray,
) -> float:
    """Mean cross-entropy of the positive against the other items of the batch that differ from it.

    ``log_q``: subtracted from the logit of each item of the batch.
    """
    columns = batch(data, items)
    queries = two_tower.embed_queries(
        {name: columns[name] for name in data.query_schema.column_names}
    )
    vectors = two_tower.embed_items(
        {name: columns[name] for name in data.candidate_schema.column_names}
    )
    logits = (queries @ vectors.T).astype(np.float64) / temperature - log_q
    losses = []
    for row in range(len(items)):
        others = logits[row][items != items[row]]
        own = logits[row, row]
        losses.append(np.log(np.exp(np.append(others, own) - own).sum()))
    return float(np.mean(losses))


def spread(two_tower: TwoTower) -> TwoTower:
    """Enlarge the embeddings: logits then differ as they do after training."""
    for variable in two_tower.model.trainable_variables:
        variable.assign(variable * 4)
    return two_tower


@pytest.fixture(scope="module")
def visible(data: PreparedData) -> Interactions:
    """Every item once, items 3 and 12 very often, to make the correction matter."""
    rows = np.concatenate([np.arange(data.item_count), np.full(399, 3), np.full(29, 12)])
    return Interactions(np.zeros_like(rows), rows)


def log_q_of(data: PreparedData, visible: Interactions, items: np.ndarray) -> np.ndarray:
    codes = data.items[data.item_id.name]
    counts = np.bincount(codes[visible.items], minlength=codes.max() + 1) + 1e-3
    return np.log(counts / counts.sum())[codes[items]]


@pytest.mark.parametrize("temperature", [1.0, 0.25])
@pytest.mark.parametrize("corrected", [True, False])
def test_the_loss_is_the_corrected_softmax(
    data: PreparedData, visible: Interactions, corrected: bool, temperature: float
) -> None:
    """Accidental hits are masked; logits are divided by the temperature, then corrected by log Q or not."""
    options = {"logq_correction": corrected, "temperature": temperature}
    two_tower = built(data, visible, **options)
    loss_of(data, two_tower)  # the first step creates the weights
    spread(two_tower)
    log_q = log_q_of(data, visible, ITEMS) if corrected else np.zeros(len(ITEMS))
    expected = by_hand(data, two_tower, ITEMS, temperature, log_q)
    assert loss_of(data, two_tower) == pytest.approx(expected, rel=1e-4)


def test_the_counts_of_items_change_the_loss(data: PreparedData, visible: Interactions) -> None:
    """For the same weights and batch, other counts give another loss only with the logQ correction."""
    more = np.full(500, 3)
    other = visible + Interactions(np.zeros_like(more), more)
    with_counts = [loss_of(data, built(data, each)) for each in (visible, other)]
    without = [loss_of(data, built(data, each, logq_correction=False)) for each in (visible, other)]
    assert abs(with_counts[0] - with_counts[1]) > 0.1
    assert without[0] == pytest.approx(without[1], abs=1e-6)


def test_a_repeated_item_is_not_its_own_negative(data: PreparedData, visible: Interactions) -> None:
    """A batch of one repeated item has no negatives, so its loss is 0."""
    same = np.full(len(USERS), 7)
    assert loss_of(data, built(data, visible), same) == pytest.approx(0, abs=1e-6)
    assert loss_of(data, built(data, visible), ITEMS) > 0.1


def test_history_and_item_share_their_embeddings(data: PreparedData, visible: Interactions) -> None:
    """Both towers train the same table of item ids."""
    two_tower = built(data, visible)
    loss_of(data, two_tower)
    tables = [
        {id(one) for one in side.trainable_variables if "embeddings" in one.name}
        for side in (two_tower.query_tower, two_tower.candidate_tower)
    ]
    # The item id's table: country, age, hobbies and user id belong to the query tower, tags to the other.
    assert [len(each) for each in tables] == [5, 2]
    assert len(tables[0] & tables[1]) == 1


#: Rows 0 and 2 share an item, and so do 1, 3 and 4.
PLACE = np.array([0, 1, 0, 1, 1, 2], np.int32)
TEMPERATURE = 0.5


def of_merlin(
    queries: tf.Tensor, vectors: tf.Tensor, counts: np.ndarray
) -> tuple[float, tuple[np.ndarray, np.ndarray]]:
    """Loss and gradients of Merlin's output block, given each row's own item vector."""
    item = ColumnSchema(
        "item", dtype=np.int64, tags=[Tags.ITEM_ID, Tags.CATEGORICAL],
        properties={"domain": {"min": 0, "max": 2, "name": "item"}},
    )  # fmt: skip
    output = mm.ContrastiveOutput(
        DotProduct(),
        schema=Schema([item]),
        negative_samplers="in-batch",
        downscore_false_negatives=True,
        store_negative_ids=True,
        logits_temperature=TEMPERATURE,
        post=PopularityLogitsCorrection(counts, reg_factor=TEMPERATURE, schema=Schema([item])),
    )
    with tf.GradientTape() as tape:
        tape.watch([queries, vectors])
        beside = tf.gather(vectors, PLACE)
        features = {"item": tf.constant(PLACE, tf.int64)[:, None]}
        answer = output(
            {"query": queries, "candidate": beside},
            features=features,
            targets=tf.zeros(len(PLACE)),
            training=True,
        )
        losses = tf.keras.losses.categorical_crossentropy(
            answer.targets, answer.outputs, from_logits=True
        )
        loss = tf.reduce_mean(losses)
    found = tape.gradient(loss, [queries, vectors])
    return float(loss), tuple(tf.convert_to_tensor(one).numpy() for one in found)


@pytest.mark.parametrize("block", [512, 4, 1])
def test_loss_and_gradients_are_those_of_merlins_contrastive_output(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    """Six rows of three items, for any number of rows processed at once."""
    monkeypatch.setattr(softmax, "BLOCK_ROWS", block)
    random = np.random.default_rng(3)
    queries = tf.constant(random.normal(size=(6, 4)), tf.float32)
    vectors = tf.constant(random.normal(size=(3, 4)), tf.float32)
    counts = np.array([50.0, 3.0, 7.0], np.float32)
    with tf.GradientTape() as tape:
        tape.watch([queries, vectors])
        loss = softmax.softmax_loss(
            queries / TEMPERATURE,
            vectors,
            -tf.math.log(tf.constant(counts / counts.sum())),
            tf.constant(PLACE),
            tf.constant([2.0, 3.0, 1.0]),
        )
    gradients = tape.gradient(loss, [queries, vectors])
    expected, expected_gradients = of_merlin(queries, vectors, counts)
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    for found, wanted in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)
