"""Metrics for groups of users, by the length of their histories."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from metrics import ranking

NAMES = ("short histories", "medium histories", "long histories")


@dataclass(frozen=True)
class Group:
    """Users with ``fewest`` to ``most`` training items; ``systems``: metric@k by system."""

    name: str
    users: int
    fewest: int
    most: int
    systems: dict[str, dict[str, float]]


def by_history(
    lists: Mapping[str, np.ndarray],
    relevant: list[np.ndarray],
    histories: np.ndarray,
    ks: tuple[int, ...],
) -> list[Group]:
    """Compute every ranking metric for each third of the users, those with the fewest items first.

    Users with equally many training items are in the same group, so groups differ in size and one may be
    missing.

    Args:
        lists: item rows int64 [users, n] by system, -1 pads.
        relevant: item rows of each user.
        histories: number of training items of each user, int64 [users].
    """
    edges = np.quantile(histories, [1 / 3, 2 / 3])
    third = np.searchsorted(edges, histories, side="left")
    groups = []
    for number, name in enumerate(NAMES):
        chosen = np.flatnonzero(third == number)
        if not len(chosen):
            continue
        wanted = [relevant[row] for row in chosen]
        systems = {
            system: ranking.at_each_k(ranked[chosen], wanted, ks)
            for system, ranked in lists.items()
        }
        lengths = histories[chosen]
        groups.append(Group(name, len(chosen), int(lengths.min()), int(lengths.max()), systems))
    return groups
