"""Figures of users apart: by how much is known of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from metrics import ranking

NAMES = ("short histories", "medium histories", "long histories")


@dataclass(frozen=True)
class Group:
    """``fewest`` and ``most``: training items of its users; ``systems``: metric@k by system."""

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
    """Every ranking metric in each third of the users, those with the fewest training items first.

    Users with as many items are in the same group, so groups differ in size and one may be missing.

    Args:
        lists: item rows int64 [users, n] by system, -1 pads.
        relevant: item rows of each user.
        histories: how many training items each user has, int64 [users].
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
