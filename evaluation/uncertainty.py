"""The uncertainty of figures: spread over seeds, and paired differences of systems over users."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from metrics.paired import Paired, paired

__all__ = ["Paired", "Spread", "Table", "over_seeds", "paired"]

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


def _names(table: Table) -> set[tuple[str, str]]:
    return {(system, metric) for system, metrics in table.items() for metric in metrics}
