"""Rankers trained on lists: the batches, the loss by hand, and calibrated probabilities."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from models.rankers.listwise import Lists, Listwise, list_loss


class Fixed(tf.keras.Model):
    """A ranker whose logit is its one input times a weight that it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = self.add_weight("weight", (), initializer="zeros")

    def call(self, columns: dict[str, Any], training: bool = False) -> tf.Tensor:
        return tf.sigmoid(self.weight * tf.reshape(columns["x"], (-1, 1)))


def lists(size: int = 2) -> Lists:
    # List 7 has rows 0 and 3, list 8 rows 1, 2 and 4, list 9 row 5, which is not relevant.
    target = np.array([0, 1, 0, 1, 0, 0], np.float32)
    return Lists({"x": np.arange(6.0)}, target, np.array([7, 8, 8, 7, 8, 9]), size, seed=1)


def test_lists_stay_whole_and_are_filled_up() -> None:
    """Row 6 is padding; a list without a relevant row teaches nothing and is left out."""
    batches = lists()
    assert (len(batches), batches.width) == (1, 3)
    rows = batches.rows_of(0).reshape(-1, 3).tolist()
    assert sorted(rows) == [[0, 3, 6], [1, 2, 4]]
    assert batches.target[6] < 0


def test_the_loss_is_that_of_the_relevant_ones_in_their_list() -> None:
    """-log softmax of each relevant row in its list, over the root of their number; padding is ignored."""
    logits = tf.constant([[1.0, 3.0, 9.0], [0.0, 2.0, 1.0]])
    target = tf.constant([[0.0, 1.0, -1.0], [1.0, 0.0, 1.0]])
    first = np.log(np.exp(1) + np.exp(3)) - 3
    total = np.log(np.exp(0) + np.exp(2) + np.exp(1))
    second = ((total - 0) + (total - 1)) / np.sqrt(2)
    assert float(list_loss(logits, target)) == pytest.approx((first + second) / 2, rel=1e-5)


def test_a_step_moves_relevant_ones_up() -> None:
    """In both lists the input separates the relevant row from the others, and the ranker learns it."""
    batches = lists()
    model = Listwise(Fixed(), batches.width)
    model.compile(optimizer=tf.keras.optimizers.SGD(0.1))
    columns = {"x": np.array([0.0, 5.0, 1.0, 5.0, 1.0, 0.0, 0.0], np.float32)}
    rows = batches.rows_of(0)
    for _ in range(5):
        model.train_step(
            ({"x": tf.constant(columns["x"][rows])}, tf.constant(batches.target[rows]))
        )
    scores = model({"x": tf.constant(columns["x"])}).numpy().ravel()
    assert scores[3] > scores[0]
    assert scores[1] > max(scores[2], scores[4])


def test_calibrated_scores_are_probabilities_in_the_same_order() -> None:
    """Overconfident logits with a wrong base rate become scores that match the share of relevant rows."""
    random = np.random.default_rng(5)
    true = random.normal(-2, 1, 20_000)
    relevant = (random.random(20_000) < 1 / (1 + np.exp(-true))).astype(np.float32)
    model = Listwise(Fixed(), 3)
    columns = {"x": (3 * true + 4).astype(np.float32)}
    model({"x": tf.constant(columns["x"])})
    model.ranker.weight.assign(1.0)
    model.calibrate(columns, relevant)
    scores = model({"x": tf.constant(columns["x"])}).numpy().ravel()
    assert scores.mean() == pytest.approx(relevant.mean(), abs=0.005)
    sure = scores > 0.3
    assert scores[sure].mean() == pytest.approx(relevant[sure].mean(), abs=0.03)
    assert float(model.slope) == pytest.approx(1 / 3, abs=0.03)


def test_a_calibration_on_rows_that_disagree_keeps_the_order() -> None:
    """Relevant rows have the lowest logits here; flat scores would order every list like the catalogue."""
    model = Listwise(Fixed(), 3)
    columns = {"x": np.linspace(-2, 2, 400, dtype=np.float32)}
    model({"x": tf.constant(columns["x"])})
    model.ranker.weight.assign(1.0)
    model.calibrate(columns, (columns["x"] < -1).astype(np.float32))
    scores = model({"x": tf.constant(columns["x"])}).numpy().ravel()
    assert (np.diff(scores) > 0).all()
    assert scores.mean() == pytest.approx(0.25, abs=0.01)


def test_the_blend_is_added_after_training() -> None:
    """Twice the sum of both inputs is added to the ranker's logit; in training it is the ranker alone."""
    model = Listwise(Fixed(), 3, ["x", "y"], 2.0)
    columns = {"x": tf.constant([1.0, 0.0]), "y": tf.constant([0.5, 3.0])}
    model(columns)
    model.ranker.weight.assign(0.5)
    np.testing.assert_allclose(model.logits(columns).numpy(), [[3.5], [6.0]], rtol=1e-5)
    np.testing.assert_allclose(
        model.logits(columns, training=True).numpy(), [[0.5], [0.0]], atol=1e-6
    )


def test_rows_that_are_all_alike_calibrate_nothing() -> None:
    """Relevant rows alone carry no information about their share."""
    model = Listwise(Fixed(), 3)
    model.calibrate({"x": np.ones(4, np.float32)}, np.ones(4, np.float32))
    assert (float(model.slope), float(model.offset)) == (1.0, 0.0)
