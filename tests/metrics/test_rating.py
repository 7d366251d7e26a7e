"""Errors of predicted labels against values computed by hand."""

import math

import numpy as np
import pytest

from metrics.rating import METRICS

TRUE = np.array([1.0, 2.0, 3.0, 4.0], np.float32)


@pytest.mark.parametrize(
    ("predicted", "expected"),
    [
        # One error of 2 against a variance of 5/4; the errors' own variance is 3/4.
        ([1, 2, 3, 2], {"rmse": 1.0, "mae": 0.5, "r2": 0.2, "explained_variance": 0.4}),
        # A constant error.
        ([2, 3, 4, 5], {"rmse": 1.0, "mae": 1.0, "r2": 0.2, "explained_variance": 1.0}),
        # Always the mean: nothing is explained.
        ([2.5] * 4, {"rmse": math.sqrt(1.25), "mae": 1.0, "r2": 0.0, "explained_variance": 0.0}),
        # Worse than that.
        ([4, 3, 2, 1], {"rmse": math.sqrt(5), "mae": 2.0, "r2": -3.0, "explained_variance": -3.0}),
        ([1, 2, 3, 4], {"rmse": 0.0, "mae": 0.0, "r2": 1.0, "explained_variance": 1.0}),
    ],
)
def test_hand_worked_predictions(predicted: list[float], expected: dict[str, float]) -> None:
    """Each metric equals its definition, computed by hand."""
    scores = np.array(predicted, np.float32)
    found = {name: metric(scores, TRUE) for name, metric in METRICS.items()}
    assert found == pytest.approx(expected)
    assert all(type(value) is float for value in found.values())


def test_labels_that_are_all_the_same_explain_nothing() -> None:
    """Their variance is 0 and shares of it are NaN; errors are unaffected."""
    same = np.full(3, 4.0, np.float32)
    found = {name: metric(same - 1, same) for name, metric in METRICS.items()}
    assert (found["rmse"], found["mae"]) == (1.0, 1.0)
    assert math.isnan(found["r2"])
    assert math.isnan(found["explained_variance"])
