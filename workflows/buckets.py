"""Numbers as categories: the code of the interval that a number lies in."""

import workflows.merlin_compat  # noqa: F401  isort: skip

from typing import Any

import numpy as np
from merlin.schema import Tags
from nvtabular.ops import Operator

from ensemble.runtime.codes import FIRST_KNOWN, NULL
from workflows.floats import floats_of


class BucketCodes(Operator):
    """Null and NaN: code 1; x: 3 + the number of boundaries that are at most x.

    NVTabular's ``Bucketize`` numbers the intervals from 0, which is the code of padding, and has no
    place for nulls.
    """

    def __init__(self, boundaries: dict[str, tuple[float, ...]]) -> None:
        super().__init__()
        self.boundaries = boundaries

    def transform(self, col_selector: Any, df: Any) -> Any:
        codes = type(df)()
        for name in col_selector.names:
            codes[name] = bucket_codes(floats_of(df[name]), self.boundaries[name])
        return codes

    @property
    def output_dtype(self) -> type:
        return np.int64

    @property
    def output_tags(self) -> list[Tags]:
        return [Tags.CATEGORICAL]

    def _compute_properties(self, col_schema: Any, input_schema: Any) -> Any:
        top = bucket_cardinality(self.boundaries[col_schema.name]) - 1
        domain = {"min": 0, "max": top, "name": col_schema.name}
        return col_schema.with_properties({**col_schema.properties, "domain": domain})


def bucket_codes(values: np.ndarray, boundaries: tuple[float, ...]) -> np.ndarray:
    """Codes int64 [rows] of float64 [rows]."""
    codes = FIRST_KNOWN + np.searchsorted(np.asarray(boundaries), values, side="right")
    return np.where(np.isnan(values), NULL, codes).astype(np.int64)


def bucket_cardinality(boundaries: tuple[float, ...]) -> int:
    """How many codes there are, those of padding, null and out-of-vocabulary included."""
    return FIRST_KNOWN + len(boundaries) + 1
