"""The time that a search may take."""

import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna


class Budget:
    """``minutes`` from now; without a number any time."""

    def __init__(self, minutes: float | None = None) -> None:
        self.minutes = minutes
        self._end = math.inf if minutes is None else time.monotonic() + 60 * minutes
        self._share = 60 * (minutes or 0)

    def allows(self, seconds: float, kept_free: float = 0.0) -> bool:
        """Whether work of so many seconds would end in time, with a share of the whole time to spare."""
        return time.monotonic() + seconds <= self._end - kept_free * self._share


def seconds_a_trial(study: "optuna.Study") -> float:
    """The mean duration of the ended trials; 0 without any."""
    ended = [
        trial.duration.total_seconds()
        for trial in study.get_trials(deepcopy=False)
        if trial.state.name in ("COMPLETE", "PRUNED") and trial.duration is not None
    ]
    return sum(ended) / len(ended) if ended else 0.0
