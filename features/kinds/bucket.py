"""The feature kind ``bucket``."""

from typing import ClassVar, Literal

import numpy as np
from pydantic import model_validator

from features.codes import Intervals


class Bucket(Intervals):
    """The number of the interval that `boundaries` cut, as a category."""

    kind: Literal["bucket"] = "bucket"
    """Intervals of a number."""
    boundaries: tuple[float, ...] = ()
    """Where one interval ends and the next begins, ascending."""

    can_be_combined: ClassVar[bool] = True

    @model_validator(mode="after")
    def _boundaries_ascend(self) -> "Bucket":
        if not self.boundaries:
            raise ValueError("kind 'bucket' needs `boundaries`, such as [18, 35, 50]")
        if list(self.boundaries) != sorted(set(self.boundaries)):
            raise ValueError("`boundaries` must be given in ascending order, each once")
        return self

    @property
    def given_boundaries(self) -> tuple[float, ...]:
        return self.boundaries

    def fit(self, values: np.ndarray, counts: np.ndarray) -> tuple[float, ...]:
        return self.boundaries
