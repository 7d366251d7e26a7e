"""Which items and which kinds of events may be recorded: those that the latest release knows."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from ensemble.releases.repository import latest_release
from recipes.schema.recipe import Recipe
from runtime.candidates.catalogue import Catalogue
from runtime.did_you_mean import did_you_mean
from runtime.errors import ReleaseError
from runtime.event_kinds import NAME, EventKinds
from runtime.stores.feature_store import Event
from stages.artifacts import Artifacts
from stages.columns import RAW_ID
from stages.configuration import one_of
from stages.errors import ShortlistError

#: At most this many kinds are named in a message.
_NAMED = 12


@dataclass(frozen=True)
class _Known:
    """``items`` and ``kinds`` are None if any may be recorded; ``origin`` says where they are from."""

    origin: str
    items: Catalogue | Collection[str] | None
    kinds: EventKinds | None

    def has_items(self, item_ids: Sequence[str]) -> list[bool]:
        if isinstance(self.items, Catalogue):
            return [row >= 0 for row in self.items.rows(item_ids)]
        return [self.items is None or item_id in self.items for item_id in item_ids]


class KnownEvents:
    """Checks events against the latest release, or else the prepared data of a recipe.

    Where neither is, as on a machine that only records, every event passes.
    """

    def __init__(self, recipe: Recipe, artifacts: Artifacts) -> None:
        self._recipe, self._artifacts = recipe, artifacts
        self._release: Path | None = None
        self._known: _Known | None = None

    def first_refusal(
        self, events: Sequence[Event], allow_new_items: bool = False
    ) -> tuple[int, str] | None:
        """The number of the first event that must not be recorded, and why; None if all may be.

        ``allow_new_items``: record items that a later release may know.
        """
        found = self._refusal(events, allow_new_items)
        if found is not None and latest_release(self._artifacts) != self._release:
            self._known = None  # a release was exported since
            found = self._refusal(events, allow_new_items)
        return found

    def check(self, event: Event, allow_new_items: bool = False) -> None:
        """Check one event.

        Raises:
            ShortlistError: its item or its kind is unknown.
        """
        if (found := self.first_refusal([event], allow_new_items)) is not None:
            raise ShortlistError(f"{found[1]}.")

    def _refusal(self, events: Sequence[Event], allow_new_items: bool) -> tuple[int, str] | None:
        known = self._known = self._known or self._read()
        has_items = [True] * len(events)
        if not allow_new_items:
            has_items = known.has_items([event.item_id for event in events])
        kinds = None if known.kinds is None else known.kinds.known
        for number, event in enumerate(events):
            if kinds is not None and event.event not in kinds:
                hint = did_you_mean(event.event, kinds)
                return number, (
                    f"expected {_listed(kinds)} as the event, which are the kinds in {known.origin}, "
                    f"got {event.event!r}{hint}"
                )
            if not has_items[number]:
                return number, (
                    f"expected an item of {known.origin}, got {event.item_id!r}; correct the id, or record "
                    "it for a later release with --allow-new-items (in Python, allow_new_items=True)"
                )
        return None

    def _read(self) -> _Known:
        self._release = latest_release(self._artifacts)
        if self._release is not None:
            try:
                items = Catalogue.load(self._release)
            except ReleaseError:
                pass  # damaged, or from another version: its own check says so
            else:
                found = EventKinds.read(self._release / NAME)
                return _Known(f"release {self._release.name}", items, found)
        prepared = self._artifacts.prepared
        if not prepared.items.exists():
            return _Known("", None, None)
        import pyarrow.parquet as pq

        ids = pq.read_table(prepared.items, columns=[RAW_ID])[RAW_ID].to_pylist()
        found = EventKinds.read(prepared.event_kinds)
        return _Known("the prepared data", frozenset(ids), found)


def _listed(kinds: Sequence[str]) -> str:
    if len(kinds) <= _NAMED:
        return one_of(kinds)
    return f"{', '.join(map(repr, kinds[:_NAMED]))} or another one of {len(kinds)}"
