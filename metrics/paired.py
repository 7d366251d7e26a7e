"""The difference of two systems on the same users, and how sure it is."""

from dataclasses import dataclass

import numpy as np


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
