"""The feature store: users' raw features and interactions, old and new, at request time."""

import hashlib
import time as clock
import uuid
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

#: How long a call without a deadline waits, for another writer or for an answer.
PATIENCE_SECONDS = 60.0
#: Names the records that releases from before versions of records read.
BEFORE_VERSIONS = ""


@dataclass(frozen=True)
class UserRecord:
    """A user's record in the store.

    ``features``: raw JSON values by column name (None if missing).
    ``interactions``: raw item ids as strings, oldest first: the newest loaded ones, then those of the
    newest recorded events, by time.
    ``recorded``: how many of them, at the end, are from recorded events.
    ``earlier``: how many loaded interactions came before them.
    ``seen``: the items of all loaded interactions, as rows of the release (``candidates.seen.packed``).
    ``kinds``: what each of the recorded events was, such as a view; a release decides what it counts as.
    ``had``: the items that count as seen, as ``seen``; None if those are the same.
    """

    features: Mapping[str, Any]
    interactions: Sequence[str]
    recorded: int = 0
    earlier: int = 0
    seen: bytes = field(default=b"", repr=False)
    kinds: Sequence[str] = ()
    had: bytes | None = field(default=None, repr=False)

    @property
    def loaded(self) -> Sequence[str]:
        """The newest loaded interactions."""
        return self.interactions[: len(self.interactions) - self.recorded]

    def of_events(self, kinds: Container[str] | None) -> Sequence[str]:
        """The items of the recorded events of ``kinds``, or of all for None, oldest first."""
        items = self.interactions[len(self.interactions) - self.recorded :]
        if kinds is None:
            return items
        return [item for item, kind in zip(items, self.kinds, strict=True) if kind in kinds]


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

    Records are loaded in versions, and each release reads one of them. Live features, recorded events and
    switched-off items count for every version.

    Every method raises ``StoreError``, naming the store and the cause, if the store is down, too slow,
    full or damaged; the next call tries again.
    """

    def get_many(
        self, user_ids: Sequence[str], version: str = BEFORE_VERSIONS
    ) -> list[UserRecord | None]:
        """The records in the order of ``user_ids``; None for an unknown user.

        A user's live features override those of ``version``. A user who only has events or live features
        is known. A version that was never loaded has no records.
        """
        ...

    def load(self, version: str, records: Iterable[tuple[str, UserRecord]]) -> None:
        """Write all records of a version, all or none, beside the other versions.

        Readers see the version when it is complete. ``recorded`` interactions are not written.
        """
        ...

    def versions(self) -> frozenset[str]:
        """The versions that are loaded."""
        ...

    def drop(self, versions: Iterable[str]) -> None:
        """Remove the records of some versions. Live features and events stay."""
        ...

    def set_features(self, users: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        """Set live features of users, all or none; a user's other features stay.

        Releases from before versions see them too.
        """
        ...

    def clear_features(self, user_ids: Iterable[str] | None = None) -> None:
        """Remove all live features of some users, by default of every user: the loaded ones count again."""
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

    def close(self) -> None:
        """Close the store; a later call opens it again."""
        ...
