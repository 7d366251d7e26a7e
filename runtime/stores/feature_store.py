"""What is known about users at request time: raw features and their interactions, old and new."""

import hashlib
import time as clock
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

#: How long a call without a deadline waits, for another writer or for an answer.
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class UserRecord:
    """One user as the store knows them.

    ``features``: raw values by column name, as JSON knows them (None where missing).
    ``interactions``: raw item ids as strings, oldest first: those that were loaded, then those of
    the newest recorded events, by time.
    ``recorded``: how many of them, at the end, are of recorded events.
    """

    features: Mapping[str, Any]
    interactions: Sequence[str]
    recorded: int = 0

    @property
    def loaded(self) -> Sequence[str]:
        """The interactions without those of recorded events."""
        return self.interactions[: len(self.interactions) - self.recorded]


@dataclass(frozen=True, slots=True)
class Event:
    """One interaction, recorded as it happens. ``time``: Unix seconds.

    An id names one event of a user: whatever is recorded under it again counts once.
    """

    event_id: str
    user_id: str
    item_id: str
    event: str
    time: float

    @classmethod
    def of(
        cls,
        user_id: str,
        item_id: str,
        event: str = "interaction",
        event_id: str | None = None,
        time: float | None = None,
    ) -> "Event":
        """An event with an id of its own where none is given.

        With a ``time`` the id comes from all that is known, so that the same event counts once
        however often it is sent. Without one it is now, and a new event each time.
        """
        if event_id is None:
            if time is None:
                event_id = uuid.uuid4().hex
            else:
                # Lengths, so that no two events run together to the same text.
                text = f"{len(user_id)} {len(item_id)} {float(time)!r} {user_id}{item_id}{event}"
                written = text.encode("utf-8", "surrogatepass")
                event_id = hashlib.blake2b(written, digest_size=12).hexdigest()
        return cls(event_id, user_id, item_id, event, clock.time() if time is None else float(time))


class FeatureStore(Protocol):
    """Raw user features and interactions by raw user id, and the items that are switched off.

    Every method raises ``StoreError``, naming the store and the cause, where the store is down,
    too slow, full or damaged; the next call tries again.
    """

    def get_many(self, user_ids: Sequence[str]) -> list[UserRecord | None]:
        """The records in the order of ``user_ids``; None for a user not known.

        A user whom only events know has no features.
        """
        ...

    def put_many(self, records: Iterable[tuple[str, UserRecord]]) -> None:
        """Write records, all or none, over those of the same users.

        Their ``recorded`` interactions are not written: what ``get_many`` gave can be put back.
        """
        ...

    def record(self, events: Iterable[Event]) -> int:
        """Add events; returns how many were new. Readers see them at once.

        The newest by time are kept, so many a user as the store was opened for. After an error some
        may have been added: recorded again, each still counts once.
        """
        ...

    def switched_off(self) -> frozenset[str]:
        """Raw ids of the items that must not be shown now."""
        ...

    def switch(self, item_ids: Iterable[str], on: bool) -> None:
        """Let items be shown, or keep them from it, until they are switched again."""
        ...

    def replace_all(self, records: Iterable[tuple[str, UserRecord]], source: str) -> None:
        """Exchange all records at once: readers see the old or the new.

        Recorded events and switched-off items stay. ``source`` is remembered as the records' origin.
        """
        ...

    def source(self) -> str | None:
        """What ``replace_all`` was last told."""
        ...

    def close(self) -> None:
        """Let go of the store; a later call opens it again."""
        ...
