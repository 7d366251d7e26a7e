"""Data frame columns as floats, for operators that compute with NumPy."""

from typing import Any

import numpy as np


def floats_of(column: Any) -> np.ndarray:
    """A column of pandas or cuDF as float64 [rows] on the host."""
    numbers = column.astype("float64")
    host = numbers if isinstance(numbers.values, np.ndarray) else numbers.to_pandas()
    return np.asarray(host.to_numpy())
