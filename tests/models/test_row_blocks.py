"""The strongest weights, found by blocks of rows and a guess, against sorting whole rows."""

import numpy as np
import pytest

from models.item_models import row_blocks
from models.item_models.row_blocks import strongest, strongest_of_rows


def sorted_out(weights: np.ndarray, count: int) -> list[set[int]]:
    return [set(row) for row in np.argsort(-np.abs(weights), axis=1)[:, :count].tolist()]


@pytest.mark.parametrize("count", [1, 30, 900])
def test_long_rows_keep_what_sorting_keeps(count: int) -> None:
    """Whatever the distribution of the weights is, those that the guess is wrong about included."""
    items = 9_000
    random = np.random.default_rng(2)
    normal = random.standard_normal((6, items)).astype(np.float32)
    heavy = normal**5
    # The sample sees only large weights of these rows, or only small ones.
    misleading = np.abs(normal) * 1e-3
    misleading[:3, :: items // row_blocks.SAMPLED] += 1
    misleading[3:, 1 :: items // row_blocks.SAMPLED] += 1
    for weights in (normal, heavy, misleading):
        kept = strongest(weights, count)
        assert [set(row) for row in kept.rows.tolist()] == sorted_out(weights, count)
        np.testing.assert_array_equal(kept.weights, np.take_along_axis(weights, kept.rows, axis=1))


def test_rows_of_equal_weights_are_full() -> None:
    """Mostly zeros: as many different items as asked for, the others among them."""
    weights = np.zeros((2, 9_000), np.float32)
    weights[1, [5, 8_000]] = [-2, 1]
    kept = strongest(weights, 40)
    assert all(len(set(row)) == 40 for row in kept.rows.tolist())
    assert {5, 8_000} <= set(kept.rows[1].tolist())


@pytest.mark.parametrize("rows_at_once", [1, 7, 100])
def test_blocks_of_any_size_give_the_same(
    rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that do not divide the number of items; an item has no weight to itself."""
    items = 23
    weights = np.random.default_rng(3).standard_normal((items, items)).astype(np.float32)
    others = weights * (1 - np.eye(items, dtype=np.float32))
    monkeypatch.setattr(row_blocks, "CELLS_AT_ONCE", rows_at_once * items)
    kept = strongest_of_rows(items, 4, lambda part: weights[part].copy())
    assert [set(row) for row in kept.rows.tolist()] == sorted_out(others, 4)
    with pytest.raises(ZeroDivisionError):
        strongest_of_rows(items, 4, lambda part: weights[part] * (1 // 0))
