"""The feature kind ``count``."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from features.kind import Derived, TrainingPart
from features.number import Number
from runtime.features.times import SECONDS_A_DAY
from stages.columns import POSITIVE
from stages.configuration import PositiveFloat
from stages.lazy import pl


class Count(Number):
    """How many interactions of the training part (train and valid) the user or item has; no raw column."""

    kind: Literal["count"] = "count"
    """A number of interactions."""
    days: PositiveFloat | None = None
    """Only interactions of so many days before the newest one."""
    positive: bool = False
    """Only positives."""

    is_derived: ClassVar[bool] = True

    @property
    def needs_timestamp(self) -> str:
        return "" if self.days is None else "`days`"

    def columns(self, name: str) -> tuple[str, ...]:
        return ()

    def typed(self, name: str, raw: pl.DataFrame) -> None:
        return None

    def derive(self, name: str, table: pl.DataFrame, training: TrainingPart) -> Derived:
        counted = training.rows[training.own].filter(self._counts(training))
        numbers = np.bincount(counted.to_numpy(), minlength=len(table))
        return Derived(pl.Series(name, numbers, pl.Float64))

    def _counts(self, training: TrainingPart) -> pl.Series:
        """Which interactions are counted."""
        counts = (
            training.rows[POSITIVE]
            if self.positive
            else pl.repeat(True, len(training.rows), eager=True)
        )
        if self.days is None:
            return counts
        assert training.seconds is not None  # the recipe was checked
        assert training.newest is not None
        return counts & (training.newest - training.seconds <= self.days * SECONDS_A_DAY)
