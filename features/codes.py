"""The family of categories whose code follows from a number: intervals with given or fitted boundaries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from features.kind import FeatureKind, Fitted, Operators, PolarsSide
from features.number import expected_number
from runtime.features.codes import FIRST_KNOWN
from runtime.features.numeric import bucket_codes
from stages.arrow_types import is_number
from stages.columns import values_of
from stages.lazy import pa, pl


class Intervals(FeatureKind):
    """The number of the interval that a value falls into; each kind defines the boundaries."""

    compares_as_number: ClassVar[bool] = True

    @property
    def given_boundaries(self) -> tuple[float, ...] | None:
        """The boundaries that the recipe sets; None if ``fit`` finds them."""
        return None

    def fit(self, values: np.ndarray, counts: np.ndarray) -> tuple[float, ...]:
        """Find ascending boundaries in the training part.

        Args:
            values: float64 [n], distinct, without nulls.
            counts: int64 [n], how often each value occurs.
        """
        raise NotImplementedError

    def expected_type(self, dtype: pa.DataType, key: str) -> str:
        return "" if is_number(dtype) else f"a number, because {key} is of kind '{self.kind}'"

    def typed(self, name: str, raw: pl.DataFrame) -> pl.Series:
        return values_of(raw, name).cast(pl.Float64).fill_nan(None)

    def encode(self, name: str, side: PolarsSide) -> pl.Series:
        column = side.table[name]
        boundaries = self.given_boundaries
        if boundaries is None:
            sizes = pl.DataFrame({"value": column, "size": side.counts}).filter(pl.col("size") > 0)
            counted = sizes.drop_nulls().group_by("value").agg(pl.col("size").sum()).sort("value")
            boundaries = self.fit(counted["value"].to_numpy(), counted["size"].to_numpy())
        side.operators.intervals(self).boundaries[name] = boundaries
        return pl.Series(name, bucket_codes(column.to_numpy(), boundaries))

    def node(self, name: str, operators: Operators, nodes: Mapping[str, Any]) -> Any:
        return [name] >> operators.intervals(self)

    def compiled(self, name: str, fitted: Fitted) -> dict[str, Any]:
        boundaries = fitted.operators.intervals(self).boundaries[name]
        return {
            "name": name,
            "kind": "bucket",
            "dtype": "float",
            "boundaries": list(boundaries),
            "cardinality": interval_cardinality(boundaries),
        }

    def expected_value(self, value: Any) -> str:
        return expected_number(value)


def interval_cardinality(boundaries: tuple[float, ...]) -> int:
    """The number of codes, including those of padding, null and out-of-vocabulary values."""
    return FIRST_KNOWN + len(boundaries) + 1
