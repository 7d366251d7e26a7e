"""Raw numbers and times -> what the models get of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .codes import FIRST_KNOWN, NULL
from .times import SECONDS_A_DAY, seconds_of


class OfOneColumn:
    """An encoder of the raw column that it is named after."""

    name: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns whose values ``encode`` takes, in its order."""
        return (self.name,)


@dataclass(frozen=True)
class Bucket(OfOneColumn):
    """The number of the interval that ``boundaries`` cut, as a category."""

    name: str
    boundaries: np.ndarray

    shape = ()
    array_dtype = "int64"

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """int64 [N]"""
        return bucket_codes(_numbers(values), self.boundaries)


@dataclass(frozen=True)
class Numeric(OfOneColumn):
    """Missing values filled, then clipped, logarithms taken, and scaled.

    ``mean`` and ``std``: what is subtracted and divided by, for the scale min-max the least number
    of the training part and its distance from the greatest.
    """

    name: str
    mean: float
    std: float
    fill: float
    clip: tuple[float, float] | None = None
    log: bool = False

    shape = ()
    array_dtype = "float32"

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """float32 [N]"""
        return self.of_numbers(_numbers(values))

    def of_numbers(self, numbers: np.ndarray) -> np.ndarray:
        """float32 [N] of float64 [N], NaN where one is missing."""
        filled = np.where(np.isnan(numbers), self.fill, numbers)
        return scaled(shaped(filled, self.clip, self.log), self.mean, self.std)


class AsNumber:
    """An encoder that finds a number, with which ``number`` goes on."""

    number: Numeric

    shape = ()
    array_dtype = "float32"

    @property
    def name(self) -> str:
        return self.number.name


@dataclass(frozen=True)
class Age(AsNumber):
    """Days from a time to ``reference``, seconds since 1970 (UTC), as ``number`` goes on with them."""

    column: str
    reference: float
    number: Numeric

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def encode(self, times: Sequence[Any]) -> np.ndarray:
        """float32 [N] of what ``seconds_of`` takes."""
        seconds = np.array([seconds_of(time) for time in times], np.float64).reshape(len(times))
        return self.number.of_numbers((self.reference - seconds) / SECONDS_A_DAY)


def bucket_codes(numbers: np.ndarray, boundaries: Sequence[float] | np.ndarray) -> np.ndarray:
    """Codes int64 [N] of float64 [N], when trained and when served; NaN is null."""
    codes = FIRST_KNOWN + np.searchsorted(boundaries, numbers, side="right")
    return np.where(np.isnan(numbers), NULL, codes).astype(np.int64)


def shaped(values: np.ndarray, clip: tuple[float, float] | None, log: bool) -> np.ndarray:
    """float64 [N] before it is scaled, when trained and when served."""
    if clip is not None:
        values = np.clip(values, *clip)
    return np.copysign(np.log1p(np.abs(values)), values) if log else values


def scaled(values: np.ndarray, mean: float, std: float) -> np.ndarray:
    """float32 [N] of float64 [N], when trained and when served."""
    centred = values - mean
    # NVTabular leaves a column that never varies undivided.
    return (centred / std if std > 0 else centred).astype(np.float32)


def _numbers(values: Sequence[Any]) -> np.ndarray:
    """float64 [N], NaN where a value is missing or no number."""

    def number(value: Any) -> float:
        try:
            return float("nan") if value is None else float(value)
        except (TypeError, ValueError, OverflowError):
            return float("nan")

    return np.array([number(value) for value in values], dtype=np.float64).reshape(len(values))
