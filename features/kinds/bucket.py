"""The feature kind ``bucket``."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import model_validator

from features.codes import Intervals


class Bucket(Intervals):
    """The number of the interval between `boundaries` that a value falls into, as a category."""

    kind: Literal["bucket"] = "bucket"
    """A category for each interval of a number."""
    boundaries: tuple[float, ...] = ()
    """The numbers, in ascending order, at which one interval ends and the next begins. A value equal to a
    boundary belongs to the interval above it."""

    can_be_combined: ClassVar[bool] = True

    @model_validator(mode="after")
    def _boundaries_ascend(self) -> "Bucket":
        if not self.boundaries:
            raise ValueError(
                "expected `boundaries` for kind 'bucket', such as [18, 35, 50], got none"
            )
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise ValueError(
                f"expected `boundaries` in ascending order, each once, got {list(self.boundaries)}"
            )
        return self

    @property
    def given_boundaries(self) -> tuple[float, ...]:
        return self.boundaries

    def fit(self, values: np.ndarray, counts: np.ndarray) -> tuple[float, ...]:
        return self.boundaries
