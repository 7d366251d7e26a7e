"""The linear item-item model against its definition, solved one item at a time."""

import numpy as np
import pytest

from models.item_models import linear
from models.item_models.linear import factors, item_weights, strongest_weights
from models.item_models.row_blocks import strongest
from models.prepared import Interactions
from recipes.schema.item_models import Linear
from recipes.schema.training import Training
from stages.errors import ShortlistError

USERS, ITEMS = 40, 7
LINEAR = Linear(dropout=0.5, penalty=3.0)


@pytest.fixture(scope="module")
def taken() -> np.ndarray:
    """bool [USERS, ITEMS]: which user took which item; items differ in popularity."""
    random = np.random.default_rng(8)
    return random.random((USERS, ITEMS)) < np.linspace(0.1, 0.8, ITEMS)


@pytest.fixture(scope="module")
def interactions(taken: np.ndarray) -> Interactions:
    return Interactions(*np.nonzero(taken))


def test_weights_solve_the_penalised_regression_of_each_item(
    taken: np.ndarray, interactions: Interactions
) -> None:
    """Least squares of each item on the others, with the penalty that dropout is equivalent to."""
    matrix = taken.astype(float)
    weights = item_weights(interactions, USERS, ITEMS, LINEAR)
    penalty = 0.5 / (1 - 0.5) * matrix.sum(axis=0) + 3.0
    for item in range(ITEMS):
        others = np.delete(np.arange(ITEMS), item)
        rows = np.vstack([matrix[:, others], np.diag(np.sqrt(penalty[others]))])
        target = np.concatenate([matrix[:, item], np.zeros(len(others))])
        expected = np.linalg.lstsq(rows, target, rcond=None)[0]
        np.testing.assert_allclose(weights[others, item], expected, atol=1e-6)
        assert weights[item, item] == 0


def test_a_repeated_pair_counts_once(interactions: Interactions) -> None:
    """A user who returns to an item is still one user."""
    twice = item_weights(interactions + interactions, USERS, ITEMS, LINEAR)
    np.testing.assert_allclose(twice, item_weights(interactions, USERS, ITEMS, LINEAR), atol=1e-7)


def test_the_strongest_weights_are_kept_whatever_their_sign() -> None:
    """By absolute value; all of them if more are asked for than there are."""
    weights = np.array([[0, 0.1, -0.5, 0.3], [0.2, 0, 0, -0.1], [0, 0, 0, 1], [3, -2, 1, 0]])
    kept = strongest(weights.astype(np.float32), 2)
    found = [dict(zip(*pair, strict=True)) for pair in zip(kept.rows, kept.weights, strict=True)]
    assert found[0] == pytest.approx({2: -0.5, 3: 0.3})
    assert found[1] == pytest.approx({0: 0.2, 3: -0.1})
    assert found[3] == pytest.approx({0: 3, 1: -2})
    assert strongest(weights, 9).rows.tolist() == [[0, 1, 2, 3]] * 4


def test_factors_are_the_nearest_of_their_width(interactions: Interactions) -> None:
    """Two narrow tables miss exactly what a truncated singular value decomposition leaves out."""
    weights = item_weights(interactions, USERS, ITEMS, LINEAR)
    spread = np.linalg.svd(weights.astype(np.float64), compute_uv=False)
    for dim in (1, 3):
        leading, led_to = factors(weights, dim)
        assert leading.shape == led_to.shape == (ITEMS, dim)
        missed = np.linalg.norm(weights - leading @ led_to.T)
        assert missed == pytest.approx(np.sqrt((spread[dim:] ** 2).sum()), rel=1e-4)


@pytest.mark.parametrize(
    ("most", "filtered", "kind"),
    [
        (ITEMS, ITEMS, "edlae"),
        (ITEMS - 1, ITEMS, "graph-filter"),
        (ITEMS - 2, ITEMS - 1, "propagation"),
    ],
)
def test_how_many_items_there_are_says_which_weights_they_have(
    most: int, filtered: int, kind: str, interactions: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first kind that can handle the catalogue is chosen, and gives what naming it gives."""
    penalty = {"penalty": 3.0} if kind == "edlae" else {}
    asked = Linear.model_validate({"kind": kind, "dropout": 0.5, **penalty})
    expected = strongest_weights(interactions, USERS, ITEMS, 3, asked, Training())
    monkeypatch.setattr(linear, "MOST_ITEMS", most)
    monkeypatch.setattr(linear, "MOST_FILTERED", filtered)
    found = strongest_weights(interactions, USERS, ITEMS, 3, LINEAR, Training())
    np.testing.assert_array_equal(found.rows, expected.rows)
    np.testing.assert_array_equal(found.weights, expected.weights)


def test_a_kind_is_refused_where_it_would_take_the_memory(
    interactions: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error says how much it needs, and names the kind to set instead; `auto` takes that one."""
    monkeypatch.setattr(linear, "EDGE", 1)
    needed = 4 * 1_000 * 1_002
    for memory, others in (("4.008MB", None), ("4.007MB", "graph-filter"), ("1MB", "propagation")):
        training, options = (
            Training(memory=memory),
            Linear.model_validate({"kind": "edlae", "penalty": 3.0}),
        )
        chosen = linear._first_that_can(40, 1_000, options, training)
        assert chosen == (others or "edlae")
        assert (training.memory_bytes < needed) == (others is not None)
        if others is not None:
            with pytest.raises(
                ShortlistError,
                match=rf"at least '5MB' for linear\.kind 'edlae'.*1,000 items, got '{memory}'.*"
                rf"linear\.kind = '{others}'",
            ):
                strongest_weights(interactions, 40, 1_000, 3, options, training)


def test_a_kind_is_refused_where_it_would_take_too_long(
    interactions: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The filter has a limit of its own; the closed form has only that of the memory."""
    monkeypatch.setattr(linear, "MOST_ITEMS", ITEMS - 1)
    found = strongest_weights(interactions, USERS, ITEMS, 3, Linear(kind="edlae"), Training())
    assert found.rows.shape == (ITEMS, 3)
    monkeypatch.setattr(linear, "MOST_FILTERED", ITEMS - 1)
    with pytest.raises(ShortlistError, match=r"linear\.kind = 'propagation'"):
        strongest_weights(interactions, USERS, ITEMS, 3, Linear(kind="graph-filter"), Training())
