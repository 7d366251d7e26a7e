"""Raw numbers and times -> model inputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np

from .codes import FIRST_KNOWN, NULL
from .times import SECONDS_A_DAY, seconds_of

_LARGEST = float(np.finfo(np.float32).max)
#: No scaled number is farther from 0: the products of larger ones overflow float32 in the models.
FARTHEST = 1e6


class OfOneColumn:
    """An encoder of the raw column that it is named after."""

    name: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns whose values ``encode`` takes, in its order."""
        return (self.name,)


@dataclass(frozen=True)
class Bucket(OfOneColumn):
    """The index of the interval between ``boundaries``, as a category."""

    name: str
    boundaries: np.ndarray

    shape = ()
    array_dtype = "int64"

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """int64 [N]"""
        return bucket_codes(_numbers(values), self.boundaries)


@dataclass(frozen=True)
class Numeric(OfOneColumn):
    """A number: missing values are filled, then it is clipped, log-transformed and scaled.

    ``mean`` is subtracted, then ``std`` divides; for the scale min-max they are the minimum of the
    training part and its distance from the maximum.
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
        """float32 [N] of float64 [N], NaN if missing."""
        filled = np.where(np.isnan(numbers), self.fill, numbers)
        return scaled(shaped(filled, self.clip, self.log), self.mean, self.std)


class AsNumber:
    """An encoder that computes a number, which ``number`` then encodes."""

    number: Numeric

    shape = ()
    array_dtype = "float32"

    @property
    def name(self) -> str:
        return self.number.name


@dataclass(frozen=True)
class Age(AsNumber):
    """Days from a time to ``reference`` (seconds since 1970, UTC), encoded by ``number``."""

    column: str
    reference: float
    number: Numeric

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def encode(self, times: Sequence[Any]) -> np.ndarray:
        """float32 [N] of values that ``seconds_of`` accepts."""
        seconds = np.array([seconds_of(time) for time in times], np.float64).reshape(len(times))
        return self.number.of_numbers((self.reference - seconds) / SECONDS_A_DAY)


def overflows(value: Any) -> bool:
    """Whether a raw value, or one of its list, is a number that float32, the models' type, cannot hold."""
    if isinstance(value, list | tuple):
        return any(overflows(each) for each in value)
    return isinstance(value, int | float) and abs(value) > _LARGEST


def bucket_codes(numbers: np.ndarray, boundaries: Sequence[float] | np.ndarray) -> np.ndarray:
    """Codes int64 [N] of float64 [N], in training and serving alike; NaN is null."""
    codes = FIRST_KNOWN + np.searchsorted(boundaries, numbers, side="right")
    return np.where(np.isnan(numbers), NULL, codes).astype(np.int64)


def shaped(values: np.ndarray, clip: tuple[float, float] | None, log: bool) -> np.ndarray:
    """float64 [N], clipped and log-transformed, in training and serving alike."""
    if clip is not None:
        values = np.clip(values, *clip)
    return np.copysign(np.log1p(np.abs(values)), values) if log else values


def scaled(values: np.ndarray, mean: float, std: float) -> np.ndarray:
    """float32 [N] of float64 [N], scaled, in training and serving alike."""
    centred = values - mean
    # NVTabular does not divide a constant column.
    found = centred / std if std > 0 else centred
    return np.clip(found, -FARTHEST, FARTHEST).astype(np.float32)


def _numbers(values: Sequence[Any]) -> np.ndarray:
    """float64 [N], NaN if a value is missing or not a finite number."""

    def number(value: Any) -> float:
        try:
            found = float("nan") if value is None else float(value)
        except (TypeError, ValueError, OverflowError):
            return float("nan")
        return found if isfinite(found) else float("nan")

    return np.array([number(value) for value in values], dtype=np.float64).reshape(len(values))
