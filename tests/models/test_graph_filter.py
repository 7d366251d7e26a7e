"""The graph filter against its formula, with all eigenvectors of a dense matrix."""

import numpy as np
import pytest

from models.item_models import row_blocks
from models.item_models.graph_filter import filtered_links
from models.prepared import Interactions
from recipes.schema.item_models import Linear

USERS, ITEMS = 30, 8


@pytest.fixture(scope="module")
def taken() -> np.ndarray:
    """bool [USERS, ITEMS]: which user took which item; items differ in popularity."""
    random = np.random.default_rng(3)
    return random.random((USERS, ITEMS)) < np.linspace(0.2, 0.8, ITEMS)


def written_out(taken: np.ndarray, options: Linear) -> np.ndarray:
    """float64 [ITEMS, ITEMS]: the filter applied to every eigenvalue, with 0 on the diagonal."""
    matrix = taken.astype(float)
    of_user, of_item = np.maximum(matrix.sum(1), 1), np.maximum(matrix.sum(0), 1)
    scaled = matrix / np.sqrt(of_user)[:, None] / np.sqrt(of_item)
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    filtered = options.rest * values
    largest = np.argsort(-values)[: options.dim]
    filtered[largest] = (values[largest] + options.low_pass) * np.exp(
        -options.sharpening * values[largest]
    )
    weights = (vectors * filtered) @ vectors.T * of_item**options.popularity_power
    np.fill_diagonal(weights, 0)
    return weights


def as_matrix(taken: np.ndarray, count: int, options: Linear) -> np.ndarray:
    found = filtered_links(Interactions(*np.nonzero(taken)), USERS, ITEMS, count, options)
    assert (found.rows.dtype, found.weights.dtype) == (np.int64, np.float32)
    weights = np.zeros((ITEMS, ITEMS))
    np.put_along_axis(weights, found.rows, found.weights, axis=1)
    return weights


@pytest.mark.parametrize("at_once", [1, 3, 100])
@pytest.mark.parametrize("dim", [1, 4])
def test_weights_are_those_of_the_formula(
    dim: int, at_once: int, taken: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For any number of items processed at once."""
    monkeypatch.setattr(row_blocks, "CELLS_AT_ONCE", at_once * ITEMS)
    options = Linear(dim=dim, low_pass=0.3, sharpening=1.5, rest=0.6, popularity_power=0.5)
    np.testing.assert_allclose(
        as_matrix(taken, ITEMS, options), written_out(taken, options), atol=1e-5
    )


def test_the_strongest_are_kept_whatever_their_sign(taken: np.ndarray) -> None:
    """No weight left out is larger than a kept one."""
    options = Linear(dim=4, sharpening=3.0)
    weights = written_out(taken, options)
    assert (weights < 0).any()
    kept = as_matrix(taken, 3, options)
    assert (np.count_nonzero(kept, axis=1) == 3).all()
    third = np.sort(np.abs(weights), axis=1)[:, -3]
    np.testing.assert_allclose(
        kept, np.where(np.abs(weights) >= third[:, None], weights, 0), atol=1e-5
    )


@pytest.mark.parametrize("taken_by", [[[0, 0]], [[0, 0], [1, 0]], [[0, 0], [0, 1]]])
def test_a_graph_of_next_to_nothing_has_finite_weights(taken_by: list[list[int]]) -> None:
    """One pair, two users of one item, or one user of two; items that nobody took have no weights."""
    found = filtered_links(Interactions(*np.array(taken_by).T), 2, 3, 2, Linear())
    assert found.rows.shape == (3, 2)
    assert np.isfinite(found.weights).all()
    assert not found.weights[2].any()
