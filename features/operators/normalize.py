"""NVTabular's ``Normalize`` with a variance that is free of cancellation."""

import math
from functools import reduce
from typing import Any

import dask
import numpy as np
import nvtabular.ops
from merlin.dag import ColumnSelector

from features.operators.floats import floats_of
from runtime.features.numeric import FARTHEST


class Normalize(nvtabular.ops.Normalize):
    """Scales to mean 0 and variance 1 over the training part; a constant column becomes 0.

    NVTabular 23.8 computes the variance as the mean square minus the squared mean. For large numbers that
    differ little, only rounding errors remain, and a constant column is divided by them.
    """

    def transform(self, col_selector: ColumnSelector, df: Any) -> Any:
        """As ``runtime.features.numeric.scaled``: no number is farther from 0 than ``FARTHEST``."""
        return super().transform(col_selector, df).clip(-FARTHEST, FARTHEST)

    def fit(self, col_selector: ColumnSelector, ddf: Any) -> Any:
        names = list(col_selector.names)
        parts = [dask.delayed(_part)(frame, names) for frame in ddf[names].to_delayed()]
        return dask.delayed(_merged)(parts, names)

    def fit_finalize(self, summaries: dict[str, "_Summary"]) -> None:
        for name, summary in summaries.items():
            self.means[name], self.stds[name] = self.of_summary(summary)

    def fitted(self, values: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
        """The numbers to subtract and to divide by, for values float64 [n] with counts int64 [n]."""
        return self.of_summary(_summary(values, counts))

    @staticmethod
    def of_summary(summary: "_Summary") -> tuple[float, float]:
        """The mean and the standard deviation (n - 1)."""
        total, mean, spread, least, greatest = summary
        if least == greatest:
            return least, 0.0  # exact, while the mean may be off by rounding
        return mean, math.sqrt(spread / (total - 1)) if total > 1 else 0.0


class MinMax(Normalize):
    """Scales the training part to the range from 0 to 1; a constant column becomes 0.

    NVTabular's ``NormalizeMinMax`` turns a constant number into 0.5, and a constant 0 into NaN.
    """

    @staticmethod
    def of_summary(summary: "_Summary") -> tuple[float, float]:
        """The smallest number and its distance to the largest."""
        *_, least, greatest = summary
        return least, greatest - least


#: Count, mean, sum of squared deviations from it, smallest and largest number.
_Summary = tuple[float, float, float, float, float]


def _summary(values: np.ndarray, counts: np.ndarray) -> _Summary:
    occur = counts > 0
    values, counts = values[occur], counts[occur].astype(np.float64)
    total = float(counts.sum())
    if not total:
        return 0.0, 0.0, 0.0, math.inf, -math.inf
    with np.errstate(invalid="ignore", over="ignore"):
        mean = float(np.dot(values, counts) / total)
        spread = float(np.dot((values - mean) ** 2, counts))
    return total, mean, spread, float(values.min()), float(values.max())


def _part(frame: Any, names: list[str]) -> dict[str, _Summary]:
    found = {}
    for name in names:
        values = floats_of(frame[name])
        found[name] = _summary(values, np.ones(len(values), np.int64))
    return found


def _merged(parts: list[dict[str, _Summary]], names: list[str]) -> dict[str, _Summary]:
    nothing: _Summary = (0.0, 0.0, 0.0, math.inf, -math.inf)
    return {name: reduce(_together, [part[name] for part in parts], nothing) for name in names}


def _together(one: _Summary, other: _Summary) -> _Summary:
    """Merge two summaries by the method of Chan, Golub and LeVeque (1979)."""
    total = one[0] + other[0]
    if not total:
        return one
    apart = other[1] - one[1]
    mean = one[1] + apart * other[0] / total
    spread = one[2] + other[2] + apart * apart * one[0] * other[0] / total
    return total, mean, spread, min(one[3], other[3]), max(one[4], other[4])
