"""The feature kind ``count``."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from features.kind import Derived, TrainingPart
from features.number import Number
from runtime.features.times import SECONDS_A_DAY
from stages.columns import POSITIVE, values_of
from stages.configuration import PositiveFloat
from stages.lazy import pl


class Count(Number):
    """The number of interactions of a user or item in the training part (train and valid); no raw column."""

    kind: Literal["count"] = "count"
    """The number of interactions of the user or item in the training part (train and valid)."""
    days: PositiveFloat | None = None
    """Count only interactions that are at most this many days older than the newest one. By default all
    count."""
    positive: bool = False
    """Whether to count positives only."""

    is_derived: ClassVar[bool] = True

    @property
    def needs_timestamp(self) -> str:
        return "" if self.days is None else "`days`"

    def columns(self, name: str) -> tuple[str, ...]:
        return ()

    def typed(self, name: str, raw: pl.DataFrame) -> None:
        return None

    def derive(self, name: str, table: pl.DataFrame, training: TrainingPart) -> Derived:
        counted = values_of(training.rows, training.own).filter(self._counts(training))
        numbers = np.bincount(counted.to_numpy(), minlength=len(table))
        return Derived(pl.Series(name, numbers, pl.Float64))

    def _counts(self, training: TrainingPart) -> pl.Series:
        """Which interactions are counted, bool [n]."""
        counts = (
            training.rows[POSITIVE]
            if self.positive
            else pl.repeat(True, len(training.rows), eager=True)
        )
        if self.days is None:
            return counts
        assert training.seconds is not None  # the recipe has been validated
        assert training.newest is not None
        return counts & (training.newest - training.seconds <= self.days * SECONDS_A_DAY)
