"""The inverse by blocks, against LAPACK's in double precision."""

import numpy as np
import pytest

from models.item_models import inversion
from models.item_models.inversion import invert
from models.item_models.linear import item_weights
from models.prepared import Interactions
from recipes.schema.item_models import Linear
from stages.errors import ShortlistError


@pytest.mark.parametrize("rows", [1, 3, 7, 8, 64, 65])
@pytest.mark.parametrize("edge", [3, 7, 64, 1_000])
def test_it_is_the_inverse(rows: int, edge: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if blocks do not divide the rows, or there is only part of one; symmetric, in place."""
    monkeypatch.setattr(inversion, "EDGE", edge)
    factor = np.random.default_rng(rows).standard_normal((rows + 9, rows))
    exact = factor.T @ factor + 0.5 * np.eye(rows)
    matrix = np.tril(exact).astype(np.float32)
    # What lies above the diagonal is not read.
    matrix[np.triu_indices(rows, 1)] = np.nan
    invert(matrix)
    expected = np.linalg.inv(exact)
    np.testing.assert_allclose(matrix, expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-6)


def test_another_matrix_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """In whichever block it turns out; the error names the key to change."""
    matrix = np.eye(9, dtype=np.float32)
    matrix[8, 7] = matrix[7, 8] = 2
    for edge in (2, 100):
        monkeypatch.setattr(inversion, "EDGE", edge)
        with pytest.raises(ShortlistError, match=r"positive definite.*Raise linear\.penalty"):
            invert(matrix.copy())


@pytest.mark.parametrize(("dropout", "penalty"), [(0.5, 200.0), (0.0, 10.0)])
def test_weights_of_popular_and_rare_items_are_exact(
    dropout: float, penalty: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in double precision to a thousandth, with the same items on top, from 1 to 4,000 users an item."""
    monkeypatch.setattr(inversion, "EDGE", 64)
    users, items = 5_000, 250
    random = np.random.default_rng(5)
    taken = random.random((users, items)) < np.geomspace(2e-4, 0.8, items)
    weights = item_weights(
        Interactions(*np.nonzero(taken)), users, items, Linear(dropout=dropout, penalty=penalty)
    )
    gram = taken.T.astype(float) @ taken
    added = dropout / (1 - dropout) * gram.diagonal() + penalty
    inverse = np.linalg.inv(gram + np.diag(added))
    expected = -inverse / inverse.diagonal()
    np.fill_diagonal(expected, 0)
    largest = np.abs(expected).max(axis=1, keepdims=True)
    assert (np.abs(weights - expected) <= 1e-3 * np.abs(expected) + 1e-5 * largest).all()
    top, exact = (np.argsort(-each, axis=1)[:, :10] for each in (weights, expected))
    assert (top == exact).mean() > 0.999
