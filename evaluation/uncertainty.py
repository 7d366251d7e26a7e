"""The uncertainty of figures: spread over seeds, and paired differences of systems over users."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Table = Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True)
class Spread:
    """``mean`` and sample standard deviation (over n - 1; 0 for one seed) over ``seeds`` seeds."""

    mean: float
    deviation: float
    seeds: int

    def __str__(self) -> str:
        if self.seeds == 1 or self.deviation == 0:
            return f"{self.mean:.4f}"
        return f"{self.mean:.4f} ± {self.deviation:.4f}"


@dataclass(frozen=True)
class Paired:
    """Two systems compared on the same users.

    ``difference``: mean over users of the second system's figure minus the first's; ``standard_error`` of
    that mean; ``users``: how many.
    """

    difference: float
    standard_error: float
    users: int

    @property
    def errors(self) -> float:
        """The difference in standard errors; 0 if the systems are equal for every user."""
        if self.standard_error == 0:
            return float(np.inf * np.sign(self.difference)) if self.difference else 0.0
        return self.difference / self.standard_error


def over_seeds(tables: Sequence[Table]) -> dict[str, dict[str, Spread]]:
    """Return mean and spread of each figure, from one table per seed: figures by system and metric.

    A figure that is None for any seed is left out.

    Raises:
        ValueError: there is no table, or two differ in their systems or metrics.
    """
    if not tables:
        raise ValueError("expected a table of figures for each seed, got none")
    for number, table in enumerate(tables[1:], start=2):
        if _names(table) != _names(tables[0]):
            raise ValueError(
                f"expected the same systems and metrics for every seed, got table {number} that differs "
                f"from the first in: {sorted(_names(table) ^ _names(tables[0]))}"
            )
    spreads: dict[str, dict[str, Spread]] = {}
    for system, metrics in tables[0].items():
        spreads[system] = {}
        for metric in metrics:
            values = [table[system][metric] for table in tables]
            found = np.array([value for value in values if value is not None], np.float64)
            if len(found) < len(values):
                continue
            # Equal figures have no spread, but rounding of their mean may give them one.
            deviation = float(found.std(ddof=1)) if np.ptp(found) > 0 else 0.0
            spreads[system][metric] = Spread(float(found.mean()), deviation, len(found))
    return spreads


def paired(first: np.ndarray, second: np.ndarray) -> Paired:
    """Compare two systems on the same users; both float [users], a figure such as NDCG for each.

    Effects of a user that both systems share cancel out, so the error is much smaller than that of either
    mean: it is the standard error of the mean of the differences, as in a paired t-test.

    Raises:
        ValueError: the users are not the same, or fewer than two.
    """
    if first.shape != second.shape or first.ndim != 1 or len(first) < 2:
        raise ValueError(
            "expected figures of the same users, at least two, got "
            f"{first.shape} and {second.shape}"
        )
    differences = second.astype(np.float64) - first.astype(np.float64)
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return Paired(float(differences.mean()), float(error), len(differences))


def _names(table: Table) -> set[tuple[str, str]]:
    return {(system, metric) for system, metrics in table.items() for metric in metrics}
