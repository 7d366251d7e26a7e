"""Raw values as the vocabularies and statistics of a release spell them."""

from typing import Any

import numpy as np


def is_null(value: Any) -> bool:
    """None and NaN (the one value that differs from itself) count as missing."""
    return value is None or value != value


def spell(value: Any, dtype: str) -> str:
    """A raw value as the vocabularies spell it; a value of another type is spelled by ``str``."""
    if type(value) is int and dtype != "float":  # nearly all values; bools are excluded
        return str(value)
    if dtype == "boolean" and isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    number = isinstance(value, int | float | np.integer | np.floating)
    if dtype == "integer" and number and value % 1 == 0:
        return str(int(value))
    if dtype == "float" and number:
        return repr(float(value) + 0.0)  # -0.0 and 0.0 are one value
    return str(value)


def parsed(spelling: str, dtype: str) -> Any:
    """The inverse of ``spell``."""
    if dtype == "integer":
        return int(spelling)
    if dtype == "float":
        return float(spelling)
    return spelling == "true" if dtype == "boolean" else spelling
