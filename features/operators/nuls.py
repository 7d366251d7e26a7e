"""Texts with NUL characters, spelled without them: pandas tells texts apart only up to the first NUL."""

from typing import Any

import pandas as pd


def have_nuls(values: pd.Series) -> bool:
    """Whether ``without_nuls`` changes one of these values."""
    if values.dtype != object:
        return False
    texts = "".join([value for value in values if isinstance(value, str)])
    return "\0" in texts or "\1" in texts


def without_nuls(value: Any) -> Any:
    """A text spelled without NULs: different texts stay different, and keep their order."""
    if isinstance(value, str):
        return value.replace("\1", "\1\2").replace("\0", "\1\1")
    return value


def with_nuls(value: Any) -> Any:
    """The inverse of ``without_nuls``."""
    if isinstance(value, str):
        return value.replace("\1\1", "\0").replace("\1\2", "\1")
    return value
