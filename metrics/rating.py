"""Metrics of predicted labels against true ones; all take float [n] and return a float."""

import numpy as np


def rmse(predicted: np.ndarray, true: np.ndarray) -> float:
    """Root mean squared error."""
    return float(np.sqrt(np.mean(np.square(predicted - true, dtype=np.float64))))


def mae(predicted: np.ndarray, true: np.ndarray) -> float:
    """Mean absolute error."""
    return float(np.mean(np.abs(predicted - true, dtype=np.float64)))


def r_squared(predicted: np.ndarray, true: np.ndarray) -> float:
    """1 - squared error / squared error of always predicting the true mean; NaN if that is 0."""
    return _explained(np.mean(np.square(predicted - true, dtype=np.float64)), true)


def explained_variance(predicted: np.ndarray, true: np.ndarray) -> float:
    """Like ``r_squared``, but a constant error costs nothing."""
    return _explained(np.var(predicted - true, dtype=np.float64), true)


def _explained(error: np.floating, true: np.ndarray) -> float:
    variance = np.var(true, dtype=np.float64)
    return float(1 - error / variance) if variance > 0 else float("nan")


#: Metrics by the names that reports use.
METRICS = {"rmse": rmse, "mae": mae, "r2": r_squared, "explained_variance": explained_variance}
