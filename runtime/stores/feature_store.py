"""The feature store: users' raw features and interactions, old and new, at request time."""

import hashlib
import time as clock
import uuid
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

#: How long a call without a deadline waits, for another writer or for an answer.
PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class UserRecord:
    """A user's record in the store.

    ``features``: raw JSON values by column name (None if missing).
    ``interactions``: raw item ids as strings, oldest first: the loaded ones, then those of the newest
    recorded events, by time.
    ``recorded``: how many of them, at the end, are from recorded events.
    ``kinds``: what each of these events was, such as a view; a release decides what it counts as.
    ``loaded_seen``: the items that the loaded data show as seen; None if those are the loaded interactions.
    """

    features: Mapping[str, Any]
    interactions: Sequence[str]
    recorded: int = 0
    kinds: Sequence[str] = ()
    loaded_seen: Sequence[str] | None = None

    @classmethod
    def of(
        cls, features: Mapping[str, Any], stored: Any, events: Sequence[tuple[str, str]]
    ) -> "UserRecord":
        """The record with ``stored`` interactions, as below, and events: item id and kind, oldest first."""
        loaded, seen = stored, None
        if isinstance(stored, dict):
            loaded, seen = stored["history"], stored["seen"]
        items = [item for item, _ in events]
        kinds = tuple(kind for _, kind in events)
        return cls(features, loaded + items, len(items), kinds, seen)

    @property
    def loaded(self) -> Sequence[str]:
        """The interactions without those of recorded events."""
        return self.interactions[: len(self.interactions) - self.recorded]

    @property
    def stored(self) -> list[str] | dict[str, list[str]]:
        """The loaded interactions for JSON."""
        if self.loaded_seen is None:
            return list(self.loaded)
        return {"history": list(self.loaded), "seen": list(self.loaded_seen)}

    def history(self, kinds: Container[str] | None) -> Sequence[str]:
        """The items of the history, oldest first; of the events, those of ``kinds``, or all for None."""
        if kinds is None or not self.recorded:
            return self.interactions
        return [*self.loaded, *self._of_events(kinds)]

    def seen(self, kinds: Container[str] | None) -> Sequence[str]:
        """The items that count as seen; of the events, those of ``kinds``, or all for None."""
        loaded = self.loaded if self.loaded_seen is None else self.loaded_seen
        return [*loaded, *self._of_events(kinds)]

    def _of_events(self, kinds: Container[str] | None) -> list[str]:
        items = self.interactions[len(self.interactions) - self.recorded :]
        each = zip(items, self.kinds, strict=True)
        return [item for item, kind in each if kinds is None or kind in kinds]


@dataclass(frozen=True, slots=True)
class Event:
    """One interaction, recorded as it happens. ``time``: Unix seconds.

    ``event_id`` identifies one event of a user; recorded again, it still counts once.
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
        """An event, with a generated id if none is given.

        With a ``time``, the id is a hash of all fields: the same event counts once, however often it is
        sent. Without one, the time is now, and each call makes a new event.
        """
        if event_id is None:
            if time is None:
                event_id = uuid.uuid4().hex
            else:
                # The lengths keep two events from joining to the same text.
                text = f"{len(user_id)} {len(item_id)} {float(time)!r} {user_id}{item_id}{event}"
                written = text.encode("utf-8", "surrogatepass")
                event_id = hashlib.blake2b(written, digest_size=12).hexdigest()
        return cls(event_id, user_id, item_id, event, clock.time() if time is None else float(time))


class FeatureStore(Protocol):
    """Raw user features and interactions by raw user id, and the items that are switched off.

    Every method raises ``StoreError``, naming the store and the cause, if the store is down, too slow,
    full or damaged; the next call tries again.
    """

    def get_many(self, user_ids: Sequence[str]) -> list[UserRecord | None]:
        """The records in the order of ``user_ids``; None for an unknown user.

        A user who only has events has no features.
        """
        ...

    def put_many(self, records: Iterable[tuple[str, UserRecord]]) -> None:
        """Write records, all or none, replacing those of the same users.

        ``recorded`` interactions are not written: a record from ``get_many`` can be put back.
        """
        ...

    def record(self, events: Iterable[Event]) -> int:
        """Add events and return how many were new. Readers see them at once.

        Each user keeps the newest by time, as many as the store was opened with. After an error, some may
        have been added; recorded again, each still counts once.
        """
        ...

    def switched_off(self) -> frozenset[str]:
        """Raw ids of the items that must not be shown now."""
        ...

    def switch(self, item_ids: Iterable[str], on: bool) -> None:
        """Show or hide items, until they are switched again."""
        ...

    def replace_all(self, records: Iterable[tuple[str, UserRecord]], origin: str) -> None:
        """Replace all records at once: readers see the old or the new.

        Recorded events and switched-off items stay. ``origin`` is stored with them.
        """
        ...

    def origin(self) -> str | None:
        """The ``origin`` of the last ``replace_all``."""
        ...

    def close(self) -> None:
        """Close the store; a later call opens it again."""
        ...
