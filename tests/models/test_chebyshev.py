"""The Chebyshev filter against its definition, with all eigenvectors of a dense matrix."""

import numpy as np
import pytest

from models.item_models.chebyshev import interpolated_plateau, polynomial_links
from models.item_models.linear import strongest_weights
from models.prepared import Interactions
from recipes.schema.item_models import Linear
from recipes.schema.training import Training

USERS, ITEMS = 30, 8


@pytest.fixture(scope="module")
def taken() -> np.ndarray:
    """bool [USERS, ITEMS]: which user took which item; items differ in popularity."""
    random = np.random.default_rng(3)
    return random.random((USERS, ITEMS)) < np.linspace(0.2, 0.8, ITEMS)


def written_out(taken: np.ndarray, options: Linear) -> np.ndarray:
    """float64 [ITEMS, ITEMS]: the recurrence on the Laplacian, the ideal pass and the powers; 0 to itself."""
    matrix = taken.astype(float)
    of_user, of_item = np.maximum(matrix.sum(1), 1), np.maximum(matrix.sum(0), 1)
    scaled = matrix / np.sqrt(of_user)[:, None] / np.sqrt(of_item)
    laplacian = np.eye(ITEMS) - 2 * scaled.T @ scaled
    before, now = np.eye(ITEMS), laplacian
    factors = interpolated_plateau(options.order, options.flatness)
    weights = factors[0] * before + factors[1] * now
    for factor in factors[2:]:
        before, now = now, 2 * laplacian @ now - before
        weights += factor * now
    ideal = np.linalg.svd(scaled)[2][: options.ideal_width]
    weights += options.ideal_weight * ideal.T @ ideal
    weights *= (of_item / of_item[:, None]) ** options.degree_power
    np.fill_diagonal(weights, 0)
    return weights


def as_matrix(taken: np.ndarray, count: int, options: Linear) -> np.ndarray:
    pairs = Interactions(*np.nonzero(taken))
    found = polynomial_links(pairs, USERS, ITEMS, count, options)
    weights = np.zeros((ITEMS, ITEMS))
    np.put_along_axis(weights, found.rows, found.weights, axis=1)
    return weights


@pytest.mark.parametrize("order", [1, 2, 8])
def test_weights_are_those_of_the_recurrence(order: int, taken: np.ndarray) -> None:
    """With all eigenvalues in the ideal pass; their sizes and signs, for any order."""
    options = Linear(
        kind="chebyshev",
        order=order,
        flatness=2.5,
        ideal_width=ITEMS,
        ideal_weight=0.3,
        degree_power=0.6,
    )
    np.testing.assert_allclose(
        as_matrix(taken, ITEMS, options), written_out(taken, options), atol=1e-5
    )


def test_what_the_ideal_pass_leaves_is_near_the_polynomial(taken: np.ndarray) -> None:
    """Small eigenvalues get a line instead, which is off by little."""
    options = Linear(kind="chebyshev", ideal_width=3)
    found, expected = as_matrix(taken, ITEMS, options), written_out(taken, options)
    assert np.abs(found - expected).max() < 0.05 * np.abs(expected).max()


def test_the_plateau_is_interpolated() -> None:
    """0 for the rarest tastes and 1 for the broadest, 1/2 between; an odd function around it."""
    x = np.linspace(-1, 1, 21)
    for flatness in (1.5, 10.0):
        gains = np.polynomial.chebyshev.chebval(x, interpolated_plateau(8, flatness))
        np.testing.assert_allclose(gains[[0, 10, 20]], [1, 0.5, 0], atol=0.06)
        np.testing.assert_allclose(gains + gains[::-1], 1, atol=1e-9)
    near = np.abs(0.5 - np.polynomial.chebyshev.chebval(0.3, interpolated_plateau(8, 10.0)))
    assert near < np.abs(0.5 - np.polynomial.chebyshev.chebval(0.3, interpolated_plateau(8, 1.5)))


def test_the_recipe_chooses_it(taken: np.ndarray) -> None:
    """`linear.kind` names it; the strongest weights are kept."""
    options = Linear(kind="chebyshev", ideal_width=4)
    pairs = Interactions(*np.nonzero(taken))
    kept = strongest_weights(pairs, USERS, ITEMS, 3, options, Training())
    weights = as_matrix(taken, ITEMS, options)
    third = np.sort(np.abs(weights), axis=1)[:, -3]
    found = np.zeros((ITEMS, ITEMS))
    np.put_along_axis(found, kept.rows, kept.weights, axis=1)
    np.testing.assert_allclose(
        found, np.where(np.abs(weights) >= third[:, None], weights, 0), atol=1e-6
    )


@pytest.mark.parametrize("taken_by", [[], [[0, 0]], [[0, 0], [1, 0]], [[0, 0], [0, 1]]])
def test_a_graph_of_next_to_nothing_has_finite_weights(taken_by: list[list[int]]) -> None:
    """No pair, one pair, two users of one item, one user of two; unused items have no weights."""
    pairs = Interactions(*np.array(taken_by, np.int64).reshape(-1, 2).T)
    found = polynomial_links(pairs, 2, 3, 2, Linear(kind="chebyshev"))
    assert found.rows.shape == (3, 2)
    assert np.isfinite(found.weights).all()
    assert not found.weights[2].any()
