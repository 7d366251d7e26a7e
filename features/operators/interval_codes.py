"""Numbers as categories: the code of the interval that a number falls into."""

from collections.abc import Mapping
from typing import Any

import dask
import numpy as np
import pandas as pd
from nvtabular.ops import StatOperator

from features.codes import Intervals, interval_cardinality
from features.operators.code_operator import CodeOperator
from features.operators.floats import floats_of
from runtime.features.numeric import bucket_codes


class IntervalCodes(CodeOperator):
    """Null and NaN get code 1, a number x gets 3 + the number of boundaries that are at most x.

    NVTabular's ``Bucketize`` numbers the intervals from 0, which is the code of padding, and has no
    code for nulls.
    """

    def __init__(self, boundaries: Mapping[str, tuple[float, ...]]) -> None:
        super().__init__()
        self.boundaries = dict(boundaries)

    def transform(self, col_selector: Any, df: Any) -> Any:
        codes = type(df)()
        for name in col_selector.names:
            codes[name] = bucket_codes(floats_of(df[name]), self.boundaries[name])
        return codes

    def domain(self, name: str) -> tuple[int, str]:
        # Merlin asks before fitting too, and again afterwards.
        return interval_cardinality(self.boundaries.get(name, ())), name


class FittedIntervalCodes(IntervalCodes, StatOperator):
    """``IntervalCodes`` whose boundaries each feature fits to the training part (``Intervals.fit``)."""

    def __init__(self, features: Mapping[str, Intervals]) -> None:
        super().__init__({})
        self.features = dict(features)

    def fit(self, col_selector: Any, ddf: Any) -> Any:
        names = list(col_selector.names)
        parts = [dask.delayed(_sizes)(frame, names) for frame in ddf[names].to_delayed()]
        return dask.delayed(_added_up)(parts, names)

    def fit_finalize(self, sizes: dict[str, pd.Series]) -> None:
        for name, size in sizes.items():
            values = size.index.to_numpy(np.float64)
            self.boundaries[name] = self.features[name].fit(values, size.to_numpy(np.int64))

    def clear(self) -> None:
        self.boundaries = {}


def _sizes(frame: Any, names: list[str]) -> dict[str, pd.Series]:
    """How often each number occurs, by column."""
    return {name: pd.Series(floats_of(frame[name])).value_counts() for name in names}


def _added_up(parts: list[dict[str, pd.Series]], names: list[str]) -> dict[str, pd.Series]:
    return {
        name: pd.concat([part[name] for part in parts]).groupby(level=0, sort=True).sum()
        for name in names
    }
