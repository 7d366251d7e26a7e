"""The family of numbers, which are filled, clipped, log-transformed and scaled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import model_validator

from features.kind import FeatureKind, Fitted, Operators, PolarsSide
from runtime.features.numeric import scaled, shaped
from stages.columns import values_of
from stages.errors import ShortlistError
from stages.lazy import pl


class Number(FeatureKind):
    """A number to which `clip`, `log` and `scale` are applied, in this order."""

    clip: tuple[float, float] | None = None
    """The smallest and the largest number allowed, such as [0, 1000]; numbers beyond are set to the nearer
    limit. By default numbers are not clipped."""
    log: bool = False
    """Whether to replace x by log(1 + x), and a negative x by -log(1 - x)."""
    scale: Literal["standard", "min-max"] = "standard"
    """How to scale numbers: `standard` gives the training part mean 0 and variance 1, `min-max` gives it the
    range from 0 to 1."""
    is_number: ClassVar[bool] = True
    compares_as_number: ClassVar[bool] = True

    @model_validator(mode="after")
    def _clip_is_a_range(self) -> Number:
        if self.clip and self.clip[0] >= self.clip[1]:
            raise ValueError(
                "expected two numbers in ascending order in `clip`, such as [0, 1000], got "
                f"{list(self.clip)}"
            )
        return self

    @property
    def missing(self) -> float:
        """The number that replaces a missing one, before `clip`."""
        return 0.0

    def encode(self, name: str, side: PolarsSide) -> pl.Series:
        values = self.shaped(values_of(side.table, name).fill_null(self.missing).to_numpy())
        scaling = side.operators.scaling(self)
        mean, std = scaling.fitted(*self.weighted(name, values, side))
        scaling.means[name], scaling.stds[name] = mean, std
        return pl.Series(name, self.encoded(name, values, side.operators))

    def encoded(self, name: str, values: np.ndarray, operators: Operators) -> np.ndarray:
        """Scale ``shaped`` numbers with the fitted operators: float32 [n]."""
        scaling = operators.scaling(self)
        with np.errstate(
            invalid="ignore"
        ):  # ``compiled`` refuses infinite values, naming the feature
            return scaled(values, scaling.means[name], scaling.stds[name])

    def weighted(
        self, name: str, values: np.ndarray, side: PolarsSide
    ) -> tuple[np.ndarray, np.ndarray]:
        """The numbers that the scale is fitted to, and how often each occurs in the training part."""
        return values, side.counts

    def shaped(self, values: np.ndarray) -> np.ndarray:
        """The numbers clipped and log-transformed, float64 [n]."""
        return shaped(values, self.clip, self.log)

    def node(self, name: str, operators: Operators, nodes: Mapping[str, Any]) -> Any:
        from nvtabular.ops import FillMissing

        from features.operators.shape import Shape

        number = [name] >> FillMissing(self.missing)
        if self.clip or self.log:
            number = number >> Shape(self.clip, self.log)
        return number >> operators.scaling(self)

    def compiled(self, name: str, fitted: Fitted) -> dict[str, Any]:
        scaling = fitted.operators.scaling(self)
        mean, std = scaling.means[name], scaling.stds[name]
        if not (math.isfinite(mean) and math.isfinite(std)):
            raise ShortlistError(
                f"expected finite numbers in the feature '{name}', got the mean {mean} and the spread {std}: "
                "its numbers are too large to add up. Clean the table, set `clip`, or use kind 'bucket'."
            )
        return {
            "name": name,
            "kind": "numeric",
            "dtype": "float",
            "mean": mean,
            "std": std if std > 0 else 1.0,  # a constant column is not divided
            "fill": self.missing,
            "clip": self.clip,
            "log": self.log,
        }

    def expected_value(self, value: Any) -> str:
        return expected_number(value)


def expected_number(value: Any) -> str:
    """What a value in a request must be, if it is not a number; see ``expected_value``."""
    fits = isinstance(value, int | float) and not isinstance(value, bool)
    return "" if fits else "a number"
