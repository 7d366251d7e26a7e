"""What is known about users at request time: raw features and their recent interactions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class UserRecord:
    """One user as the store knows them.

    ``features``: raw values by column name, as JSON knows them (None where missing).
    ``interactions``: raw item ids as strings, oldest first.
    """

    features: Mapping[str, Any]
    interactions: Sequence[str]


class FeatureStore(Protocol):
    """Raw user features and interactions, by raw user id."""

    def get_many(self, user_ids: Sequence[str]) -> list[UserRecord | None]:
        """The records in the order of ``user_ids``; None for a user not known."""
        ...

    def put_many(self, records: Iterable[tuple[str, UserRecord]]) -> None:
        """Write records, all or none, over those of the same users."""
        ...
