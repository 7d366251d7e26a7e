"""The randomised decomposition against LAPACK's."""

import numpy as np
import pytest
from scipy import sparse

from models.item_models.truncated_svd import truncated_svd

FALLING = 0.97 ** np.arange(200)


def with_spectrum(values: np.ndarray) -> np.ndarray:
    """float32 [300, 200]"""
    random = np.random.default_rng(1)
    left, right = (np.linalg.qr(random.standard_normal((n, 200)))[0] for n in (300, 200))
    return ((left * values) @ right.T).astype(np.float32)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
def test_the_largest_values_and_vectors_are_found(form: type) -> None:
    """Of a dense and a sparse matrix; the same at every call."""
    matrix = with_spectrum(FALLING)
    left, values, right = truncated_svd(form(matrix), 20)
    np.testing.assert_allclose(values, FALLING[:20], rtol=1e-4)
    assert [each.dtype for each in (left, values, right)] == [np.float32] * 3
    for vectors in (left, right):
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(20), atol=1e-4)
    exact, spread, back = np.linalg.svd(matrix)
    nearest = (exact[:, :20] * spread[:20]) @ back[:20]
    np.testing.assert_allclose((left * values) @ right.T, nearest, atol=2e-3)
    again = truncated_svd(form(matrix), 20)
    np.testing.assert_array_equal(again[2], right)


def test_equal_values_lose_nothing() -> None:
    """Many values of 1, as of a graph in many parts: all found, though vectors of its parts are mixed."""
    matrix = with_spectrum(np.repeat([1.0, 0.01], 100))
    left, values, right = truncated_svd(matrix, 50)
    np.testing.assert_allclose(values, 1, atol=1e-5)
    np.testing.assert_allclose(matrix @ right, left, atol=1e-5)


@pytest.mark.parametrize(
    "matrix", [np.zeros((5, 3)), np.outer(np.arange(1, 6), [1, 0, 2]), np.eye(4), np.ones((1, 1))]
)
def test_no_more_values_than_the_rank(matrix: np.ndarray) -> None:
    """A matrix of rank 0, 1 or all, smaller than what is asked for."""
    matrix = matrix.astype(np.float32)
    left, values, right = truncated_svd(matrix, 10)
    assert len(values) == np.linalg.matrix_rank(matrix)
    np.testing.assert_allclose((left * values) @ right.T, matrix, atol=1e-5)
