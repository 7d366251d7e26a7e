"""The weights of interactions in every loss and item model: by hand, and that weights of 1 change nothing."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from models.interactions import relative
from models.item_models import als
from models.item_models.graph_filter import filtered_links
from models.item_models.linear import item_weights
from models.item_models.neighbours import linked_items
from models.item_models.user_items import user_items
from models.prepared import Interactions, PreparedData
from models.rankers import ranker_module
from models.rankers.listwise import list_loss
from models.retrievers import log_loss, masked_softmax, sampled_softmax, softmax
from models.training import joint
from models.training.batches import Batches, Pairs
from models.training.candidate_rows import CandidateRows, Retrieval, all_of, candidate_rows
from models.training.fitting import Logs
from models.training.loop import compiled_step, run_epoch
from models.training.ranker_training import on_candidates
from recipes.schema.item_models import Als, Linear
from recipes.schema.recipe import Recipe
from recipes.schema.retrievers import MaskedSoftmax, SampledSoftmax, Softmax
from tests.models import shop

#: The weights of 3 users' 6 pairs with 4 items, relative to their mean.
PAIRS = (np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 1, 2, 2, 3]))
WEIGHTS = np.array([0.5, 2.0, 0.5, 1.0, 1.5, 0.5], np.float32)
WEIGHTED = Interactions(*PAIRS, WEIGHTS)
PLAIN = Interactions(*PAIRS)
ONES = Interactions(*PAIRS, np.ones(6, np.float32))


@pytest.fixture(scope="module")
def weighted_shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, PreparedData]:
    """The shop with a weight of 1, 2 or 5 for each purchase, and 1 to 5 stars; not trained."""
    folder = tmp_path_factory.mktemp("weighted")
    shop.write_files(folder)
    path = folder / "interactions.parquet"
    table = pq.read_table(path)
    number = np.arange(len(table))
    table = table.append_column("gravity", pa.array(np.array([1.0, 2.0, 5.0])[number % 3]))
    pq.write_table(table.append_column("stars", pa.array(number % 5 + 1)), path)
    recipe = shop.recipe(
        folder,
        columns={"weight": "gravity", "label": "stars"},
        interactions={"positive": "stars > 2"},
    )
    return recipe, PreparedData(shop.prepared(folder, recipe).prepared)


def test_only_their_ratio_counts() -> None:
    """Equal weights are none; others have a mean of 1, also when interactions are joined or chosen."""
    assert relative(np.full(4, 7.0)) is None
    assert relative(np.zeros(0)) is None
    found = relative(np.array([1.0, 3.0]))
    assert found is not None
    np.testing.assert_allclose(found, [0.5, 1.5])
    both = PLAIN + WEIGHTED
    np.testing.assert_allclose(both.each_weight, [*np.ones(6), *WEIGHTS])
    assert (PLAIN + PLAIN).weights is None
    np.testing.assert_allclose(WEIGHTED.at(np.array([1, 4])).each_weight, [2.0, 1.5])


def test_a_recipe_s_weights_reach_the_interactions(
    weighted_shop: tuple[Recipe, PreparedData], data: PreparedData
) -> None:
    """Those of the positives, relative to their mean; without a column of weights there are none."""
    rows = weighted_shop[1].labelled("train")
    assert set(rows.weight.tolist()) == {1.0, 2.0, 5.0}
    given = rows.weight[rows.positive]
    np.testing.assert_allclose(rows.positives.each_weight, given / given.mean(), rtol=1e-6)
    assert data.interactions("train").weights is None


def softmax_by_hand(logits: np.ndarray, place: np.ndarray, count: np.ndarray) -> np.ndarray:
    """The loss of each row."""
    losses = []
    for row, own in enumerate(place):
        others = count.copy()
        others[own] = 1
        losses.append(np.log((others * np.exp(logits[row])).sum()) - logits[row, own])
    return np.array(losses)


def test_in_batch_softmax() -> None:
    """The mean of weight times loss, and its gradient."""
    random = np.random.default_rng(1)
    queries, vectors = (
        tf.Variable(random.normal(size=shape), dtype=tf.float32) for shape in ((5, 3), (4, 3))
    )
    place, count = np.array([0, 1, 1, 2, 3]), np.array([1.0, 2.0, 1.0, 1.0])
    weights = np.array([1.0, 0.5, 3.0, 2.0, 0.25], np.float32)
    rest = (tf.zeros(4), tf.constant(place, tf.int32), tf.constant(count, tf.float32))

    def found(*weights: Any) -> tuple[float, list[np.ndarray]]:
        with tf.GradientTape() as tape:
            loss = softmax.softmax_loss(queries + 0, vectors + 0, *rest, *weights)
        return float(loss), [each.numpy() for each in tape.gradient(loss, [queries, vectors])]

    logits = queries.numpy() @ vectors.numpy().T
    losses = softmax_by_hand(logits, place, count)
    loss, gradients = found(tf.constant(weights))
    assert loss == pytest.approx(float((weights * losses).mean()), rel=1e-5)
    plain, without = found()
    assert found(tf.ones(5))[0] == plain == pytest.approx(losses.mean(), rel=1e-5)
    for one, other in zip(found(tf.ones(5))[1], without, strict=True):
        np.testing.assert_array_equal(one, other)
    step = 1e-2
    shifted = queries.numpy().copy()
    shifted[2, 1] += step
    ahead = (weights * softmax_by_hand(shifted @ vectors.numpy().T, place, count)).mean()
    assert gradients[0][2, 1] == pytest.approx((ahead - loss) / step, rel=0.05)


def test_in_batch_softmax_gets_the_weights_of_its_rows(
    weighted_shop: tuple[Recipe, PreparedData], data: PreparedData
) -> None:
    """A batch's second part; the towers do not see them. Without weights, ones."""
    batches = softmax.batches(weighted_shop[1], Softmax(batch_size=16), ["train"])
    _, weights = batches[0]
    assert len(np.unique(weights.round(4))) == 3
    assert batches.target.mean() == pytest.approx(1, rel=1e-5)
    assert "gravity" not in batches.columns
    columns, ones = softmax.batches(data, Softmax(batch_size=16), ["train"])[0]
    assert (ones == 1).all()
    tf.keras.utils.set_random_seed(1)
    model = softmax.build(data, Softmax(embedding_dim=4), data.interactions("train"), 10).model
    model.run_eagerly = True
    tf.keras.utils.set_random_seed(1)
    unweighted = float(model(columns))
    assert float(model(columns, weights=tf.constant(ones * 2))) == pytest.approx(2 * unweighted)


@pytest.mark.parametrize("kind", ["masked-softmax", "sampled-softmax"])
def test_hidden_items_weigh(data: PreparedData, kind: str) -> None:
    """The loss of a user is linear in the weights of the hidden items, and ones change nothing."""
    visible = data.interactions("train")
    codes = data.items[data.item_id.name][visible.items]
    content = {"kind": kind, "embedding_dim": 4, "batch_size": 8, "members": 2}
    head: Any = masked_softmax if kind == "masked-softmax" else sampled_softmax
    schema: Any = MaskedSoftmax if kind == "masked-softmax" else SampledSoftmax
    options = schema.model_validate(content)
    heavy = np.where(codes % 2 == 0, 3.0, 1.0).astype(np.float32)

    def losses(*weights: np.ndarray) -> np.ndarray:
        given = Interactions(visible.users, visible.items, *weights)
        tf.keras.utils.set_random_seed(1)
        model = head.build(data, options, given, 10).model
        batches = head.batches_of(data, options, given)
        model.generator.reset_from_seed(5)
        return np.asarray(model.losses_of(batches[0]))

    plain = losses()
    np.testing.assert_array_equal(losses(np.ones(len(codes), np.float32)), plain)
    np.testing.assert_allclose(losses(np.full(len(codes), 2, np.float32)), 2 * plain, rtol=1e-5)
    mixed = losses(heavy)
    assert (mixed >= plain * (1 - 1e-6)).all()
    assert (mixed <= 3 * plain * (1 + 1e-6)).all()
    assert (mixed > plain * 1.01).any()


def test_masked_softmax_by_hand(data: PreparedData, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the user's items 4, 6 and 9, those drawn are hidden: weight times loss over the root of two."""
    tf.keras.utils.set_random_seed(1)
    options = MaskedSoftmax(embedding_dim=4)
    model = masked_softmax.build(data, options, data.interactions("train"), 10).model
    items = model.embeddings.shape[0]
    taken = np.zeros((1, items), np.float32)
    taken[0, [4, 6, 9]] = [0.5, 2.0, 3.0]
    drawn = np.zeros((1, 1, items), np.float32)
    drawn[0, 0, 9] = 1
    monkeypatch.setattr(
        model, "generator", SimpleNamespace(uniform=lambda shape: tf.constant(drawn))
    )
    table = model.embeddings.numpy()[:, 0]
    scores = table @ table[9]
    scores[9] = -np.inf
    likelihood = scores - np.log(np.exp(scores).sum())
    expected = -(0.5 * likelihood[4] + 2 * likelihood[6]) / np.sqrt(2)
    assert float(model(tf.constant(taken))[0, 0]) == pytest.approx(expected, rel=1e-4)


def test_log_loss_has_the_weights_of_its_rows(weighted_shop: tuple[Recipe, PreparedData]) -> None:
    """As they are: drawn negatives weigh 1, so their size counts too."""
    data = weighted_shop[1]
    batches = log_loss.LabelledPairs(data, data.labelled("train"), 16, 2, 1)
    _, _, weight = batches[0]
    own = weight.reshape(-1, 3)[:, 0]
    np.testing.assert_array_equal(own, data.labelled("train").weight[batches.order[:16]])


def test_lists_of_candidates_weigh_by_their_relevant_ones() -> None:
    """Weight times loss over the root of their number; weights of 1 change nothing."""
    logits = tf.constant([[1.0, 3.0, 0.0], [0.0, 2.0, 1.0]])
    target = tf.constant([[0.0, 2.0, -1.0], [3.0, 0.0, 0.5]])
    first = 2 * (np.log(np.exp(1) + np.exp(3)) - 3)
    total = np.log(np.exp(0) + np.exp(2) + np.exp(1))
    second = (3 * (total - 0) + 0.5 * (total - 1)) / np.sqrt(2)
    assert float(list_loss(logits, target)) == pytest.approx((first + second) / 2, rel=1e-5)


@pytest.mark.parametrize("xla", [False, True])
def test_a_weighted_step_by_hand(xla: bool) -> None:
    """As an unweighted one, but the gradients -4 and -16 count twice and half: (-8 - 8) / 2 = -8."""
    model = tf.keras.Sequential(
        [
            tf.keras.layers.Lambda(lambda columns: columns["size"]),
            tf.keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros"),
        ]
    )
    model.compile(tf.keras.optimizers.SGD(0.1), "mse", jit_compile=xla)
    sizes = {"size": np.array([[1.0], [2.0]], np.float32)}
    target, weights = np.array([2.0, 4.0], np.float32), np.array([2.0, 0.5], np.float32)
    given = Batches(sizes, 2, 1, target=target, weights=weights)
    run_epoch(compiled_step(model, given), given, tf.keras.callbacks.CallbackList([], model=model))
    np.testing.assert_allclose(model.get_weights()[0], [[0.8]], rtol=1e-6)


@pytest.mark.parametrize(("kind", "steps"), [("dlrm", 10), ("dlrm", 2000), ("wide-and-deep", 10)])
def test_rankers_of_interactions_weigh(data: PreparedData, kind: str, steps: int) -> None:
    """Weights of 1 change nothing, with and without XLA; a weight of 0 is as if the row were not there."""
    options = shop.recipe(
        data.files.root,
        ranker={"kind": kind, "target": "positives"},
        interactions={"positive": "x > 1"},
    ).ranker
    rows = data.labelled("train").at(np.arange(64))
    target = (np.arange(64) % 3 == 0).astype(np.float32)
    columns = data.pair_columns(rows.users, rows.items)

    def trained(*weights: np.ndarray) -> list[np.ndarray]:
        tf.keras.utils.set_random_seed(2)
        numbers = {name: each for name, each in columns.items() if each.dtype.kind == "f"}
        model = ranker_module(kind).build(data, options, numbers, steps)
        given = Batches(columns, 64, 1, target, True, *weights)
        step = compiled_step(model, given)
        run_epoch(step, given, tf.keras.callbacks.CallbackList([], model=model))
        return [each.numpy() for each in model.trainable_variables]

    plain, ones = trained(), trained(np.ones(64, np.float32))
    for one, other in zip(plain, ones, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    heavy = trained(np.where(target > 0, 5, 0.1).astype(np.float32))
    assert any(
        not np.allclose(one, other, atol=1e-4) for one, other in zip(plain, heavy, strict=True)
    )


def test_pairs_have_weights_too() -> None:
    """Beside columns from two tables."""
    rows = np.array([0, 1, 1])
    pairs = Pairs(
        rows,
        rows,
        {"a": np.array([3, 4])},
        {},
        {},
        2,
        1,
        np.zeros(3, np.float32),
        np.array([1.0, 2.0, 3.0], np.float32),
    )
    columns, _, weights = pairs[0]
    expected = np.array([1.0, 2.0, 3.0])[pairs.rows_of(0)]
    assert weights.ravel().tolist() == expected.tolist()
    assert columns["a"].tolist() == np.array([3, 4])[rows[pairs.rows_of(0)]].tolist()


def test_candidates_have_the_weight_of_what_makes_them_relevant(
    recipe: Recipe, data: PreparedData
) -> None:
    """Others weigh 1; parts with and without weights may be joined."""
    random = np.random.default_rng(3)
    vectors = [
        random.normal(size=(n, 4)).astype(np.float32) for n in (data.user_count, data.item_count)
    ]
    visible, valid = data.interactions("train"), data.interactions("valid")
    weights = random.integers(1, 5, len(valid)).astype(np.float32)
    asked = recipe.model_copy(
        update={"ranker": recipe.ranker.model_copy(update={"features": ("retrieval_score",)})}
    )
    retrieval = Retrieval(vectors[0], vectors[1], visible, {})
    relevant = Interactions(valid.users, valid.items, weights)
    rows = candidate_rows(asked, data, retrieval, relevant)
    plain = candidate_rows(asked, data, retrieval, valid)
    assert plain.weights is None
    given = {(u, i): w for u, i, w in zip(valid.users, valid.items, weights, strict=True)}
    code_of = data.items[data.item_id.name]
    row_of = {int(code): row for row, code in enumerate(code_of) if code > 2}
    checked = 0
    for user, code, is_relevant, weight in zip(
        rows.users, rows.columns["product"], rows.relevant, rows.each_weight, strict=True
    ):
        if code not in row_of:
            continue
        assert weight == (given[user, row_of[code]] if is_relevant else 1)
        checked += int(is_relevant)
    assert checked > 5
    both = all_of([rows, plain])
    assert isinstance(both, CandidateRows)
    np.testing.assert_array_equal(both.each_weight, [*rows.each_weight, *np.ones(len(plain))])
    chosen = rows.of_users(rows.users[:1])
    np.testing.assert_array_equal(chosen.each_weight, rows.each_weight[: len(chosen)])


@pytest.mark.parametrize("loss", ["pointwise", "listwise"])
def test_rankers_of_candidates_learn_with_weights(
    recipe: Recipe, data: PreparedData, loss: str
) -> None:
    """Other weights give another ranker; weights of 1 the same one."""
    options = recipe.ranker.model_copy(
        update={"features": ("retrieval_score",), "loss": loss, "max_epochs": 1}
    )
    asked = recipe.model_copy(update={"ranker": options})
    random = np.random.default_rng(3)
    vectors = [
        random.normal(size=(n, 4)).astype(np.float32) for n in (data.user_count, data.item_count)
    ]
    retrieval = Retrieval(vectors[0], vectors[1], data.interactions("train"), {})
    valid = data.interactions("valid")

    def trained(*weights: np.ndarray) -> list[np.ndarray]:
        relevant = Interactions(valid.users, valid.items, *weights)
        rows = candidate_rows(asked, data, retrieval, relevant)
        ranker = on_candidates(asked, data, [(rows, rows)], Logs(), {})
        return [each.numpy() for each in ranker.model.trainable_variables]

    plain, ones = trained(), trained(np.ones(len(valid), np.float32))
    for one, other in zip(plain, ones, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
    heavy = trained(np.where(valid.items % 2, 4.0, 0.25).astype(np.float32))
    assert any(not np.allclose(one, two, atol=1e-4) for one, two in zip(plain, heavy, strict=True))


def test_both_heads_of_joint_training_weigh(weighted_shop: tuple[Recipe, PreparedData]) -> None:
    """The loss is linear in the weights, and a batch has those of its rows."""
    recipe, data = weighted_shop
    content = recipe.model_dump()
    content |= {"joint": {"batch_size": 32}, "retriever": {"embedding_dim": 4}}
    content["ranker"] = {"target": "label", "top_layers": [4]}
    settings = Recipe.model_validate(content, strict=False)
    data.files.interactions("train")
    model = joint._untrained(settings, data, ["train"])
    batches = joint._batches(settings, data, ["train"])
    columns, weights = batches[0]
    rows = batches.rows_of(0)
    expected = relative(data.labelled("train").weight)
    assert expected is not None
    np.testing.assert_array_equal(weights, expected[rows])
    plain = float(model(columns))
    assert float(model(columns, weights=tf.ones(32))) == plain
    assert float(model(columns, weights=tf.fill(32, 2.0))) == pytest.approx(2 * plain, rel=1e-5)
    parts = [float(model(columns, weights=tf.one_hot(row, 32))) for row in range(32)]
    found = float(model(columns, weights=tf.constant(weights)))
    assert found == pytest.approx(float(np.dot(parts, weights)), rel=1e-4)


def test_user_items_keep_the_largest_weight_of_a_pair() -> None:
    """Without `weighted`, they hold ones."""
    twice = WEIGHTED + Interactions(np.array([0]), np.array([0]), np.array([4.0], np.float32))
    found = user_items(twice, 3, 4, weighted=True).toarray()
    np.testing.assert_allclose(
        found,
        np.array([[4, 2, 0, 0], [0, 0.5, 1, 0], [0, 0, 1.5, 0.5]]),
    )
    assert set(user_items(twice, 3, 4).data) == {1.0}


def test_edlae_weighs_pairs() -> None:
    """The Gram matrix has the weights of a pair on its diagonal; ones change nothing."""
    options = Linear(dropout=0.5, penalty=2.0)
    root = np.sqrt(np.array([[0.5, 2, 0, 0], [0, 0.5, 1, 0], [0, 0, 1.5, 0.5]]))
    gram = root.T @ root
    inverse = np.linalg.inv(gram + np.diag(gram.diagonal()) + 2.0 * np.eye(4))
    expected = -inverse / inverse.diagonal()
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(item_weights(WEIGHTED, 3, 4, options), expected, rtol=1e-4)
    one, other = (item_weights(each, 3, 4, options) for each in (ONES, PLAIN))
    np.testing.assert_allclose(one, other, rtol=1e-6)


def test_graph_models_weigh_pairs() -> None:
    """Heavier pairs lead further; ones change nothing, and similarity by common users has no weights."""

    def links_of(pairs: Interactions, weighted: bool) -> np.ndarray:
        powers = {"user_power": 0.5, "from_power": 0.5, "to_power": 0.5}
        return linked_items(pairs, 3, 4, 3, **powers, weighted=weighted).weights

    options = Linear(kind="graph-filter", dim=2)
    for links in (
        lambda pairs: links_of(pairs, True),
        lambda pairs: filtered_links(pairs, 3, 4, 3, options).weights,
    ):
        np.testing.assert_allclose(links(ONES), links(PLAIN), rtol=1e-5)
        assert not np.allclose(links(WEIGHTED), links(PLAIN), rtol=1e-2)
    one, other = (links_of(each, False) for each in (WEIGHTED, PLAIN))
    np.testing.assert_array_equal(one, other)


def test_als_has_more_confidence_in_heavier_pairs() -> None:
    """Each user's factors solve the least squares whose confidences are 1 + (confidence - 1) * weight."""
    options = Als(dim=2, penalty=0.5, confidence=6.0, iterations=200)
    users, items = als.factors(WEIGHTED, 3, 4, 1, options)
    weights = user_items(WEIGHTED, 3, 4, weighted=True).toarray()
    for user in range(3):
        confidence = 1 + 5 * weights[user]
        left = items.T @ (confidence[:, None] * items) + 0.5 * np.eye(2)
        right = items.T @ (confidence * (weights[user] > 0))
        np.testing.assert_allclose(users[user], np.linalg.solve(left, right), rtol=0.02, atol=0.01)
    one, other = (als.factors(each, 3, 4, 1, options)[1] for each in (ONES, PLAIN))
    np.testing.assert_allclose(one, other, rtol=1e-4)
