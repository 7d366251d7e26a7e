"""Interactions as arrays: pairs of user row and item row, with what else is known of them."""

from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class Interactions:
    """Pairs of user row and item row, int64 [n] each; a user's pairs are in chronological order.

    ``weights``: their weights relative to the mean, float32 [n]; None if all are the same.
    """

    users: np.ndarray
    items: np.ndarray
    weights: np.ndarray | None = None

    @classmethod
    def none(cls) -> "Interactions":
        """No interactions."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.users)

    def __add__(self, other: "Interactions") -> "Interactions":
        """Concatenate both; ``other`` is later."""
        weights = None
        if self.weights is not None or other.weights is not None:
            weights = np.concatenate([self.each_weight, other.each_weight])
        return Interactions(
            np.concatenate([self.users, other.users]),
            np.concatenate([self.items, other.items]),
            weights,
        )

    @property
    def each_weight(self) -> np.ndarray:
        """The weights, or ones."""
        return np.ones(len(self), np.float32) if self.weights is None else self.weights

    def at(self, rows: np.ndarray) -> "Interactions":
        """The pairs at ``rows``: int64 [m], or a mask, bool [n]."""
        weights = None if self.weights is None else self.weights[rows]
        return Interactions(self.users[rows], self.items[rows], weights)

    def by_user(self, users: int | np.ndarray) -> list[np.ndarray]:
        """Item rows of each user row 0..users-1, or of these user rows, oldest first."""
        rows = np.arange(users) if isinstance(users, int) else users
        items, starts, ends = self._of_users(rows)
        return [items[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]

    def newest(self, users: np.ndarray, length: int) -> np.ndarray:
        """The newest item rows of these user rows, int64 [users, length], oldest first; -1 pads."""
        items, starts, ends = self._of_users(users)
        starts = np.maximum(starts, ends - length)
        place = starts[:, None] + np.arange(length)
        rows = np.full(place.shape, -1, np.int64)
        real = place < ends[:, None]
        rows[real] = items[place[real]]
        return rows

    def _of_users(self, users: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All item rows, user by user, and where those of each of ``users`` start and end."""
        order = np.argsort(self.users, kind="stable")
        sorted_users = self.users[order]
        starts = np.searchsorted(sorted_users, users, "left")
        return self.items[order], starts, np.searchsorted(sorted_users, users, "right")


@dataclass(frozen=True)
class Labelled:
    """Interactions with their labels, weights and order, all [n].

    User and item rows are int64, label and weight float32, positive and seen bool, place int64. Without a
    label or weight column: ones.
    """

    users: np.ndarray
    items: np.ndarray
    label: np.ndarray
    weight: np.ndarray
    positive: np.ndarray
    #: Whether the user has seen the item, which is then not shown again; mostly the positives.
    seen: np.ndarray
    #: Numbers the interactions of all parts; a user's are numbered in chronological order.
    place: np.ndarray

    def __len__(self) -> int:
        return len(self.users)

    @property
    def positives(self) -> Interactions:
        """The positives, in the same order."""
        weights = relative(self.weight[self.positive])
        return Interactions(self.users[self.positive], self.items[self.positive], weights)

    @property
    def in_order(self) -> Interactions:
        """The positives in chronological order."""
        return self.at(np.argsort(self.place, kind="stable")).positives

    @property
    def all_seen(self) -> Interactions:
        """The pairs that count as seen, in the same order."""
        return Interactions(self.users[self.seen], self.items[self.seen])

    def __add__(self, other: "Labelled") -> "Labelled":
        """Concatenate both."""
        return Labelled(
            *(
                np.concatenate([getattr(self, field.name), getattr(other, field.name)])
                for field in fields(self)
            )
        )

    def at(self, rows: np.ndarray) -> "Labelled":
        """The interactions at ``rows``: int64 [m], or a mask, bool [n]."""
        return Labelled(*(getattr(self, field.name)[rows] for field in fields(self)))


def relative(weights: np.ndarray) -> np.ndarray | None:
    """The weights divided by their mean, float32 [n]; None if all are the same."""
    if not len(weights) or (weights == weights[0]).all():
        return None
    return (weights / weights.mean(dtype=np.float64)).astype(np.float32)
