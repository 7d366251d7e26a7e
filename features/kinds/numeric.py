"""The feature kind ``numeric``."""

from __future__ import annotations

from typing import Literal

from features.number import Number
from stages.arrow_types import is_number
from stages.columns import values_of
from stages.lazy import pa, pl


class Numeric(Number):
    """A raw number."""

    kind: Literal["numeric"] = "numeric"
    """A number from a raw column."""
    fill: float = 0.0
    """The number that replaces a missing one, before `clip`."""

    @property
    def missing(self) -> float:
        return self.fill

    def expected_type(self, dtype: pa.DataType, key: str) -> str:
        return "" if is_number(dtype) else f"a number, because {key} is of kind 'numeric'"

    def typed(self, name: str, raw: pl.DataFrame) -> pl.Series:
        return values_of(raw, name).cast(pl.Float64).fill_nan(None)
