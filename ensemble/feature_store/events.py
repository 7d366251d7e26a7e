"""Record interactions from an application; they count in the next answer."""

from types import TracebackType

from ensemble.feature_store.choice import store_of
from ensemble.feature_store.known_events import KnownEvents
from recipes.load import load
from runtime.stores.feature_store import Event
from stages.artifacts import Artifacts


class Recorder:
    """Records events in a recipe's feature store; threads may share it.

    >>> with Recorder("movielens-100k") as recorder:
    ...     recorder.record("196", "50", event="watched")

    Args:
        recipe: a recipe's name, or the path of its TOML file.

    Raises:
        ShortlistError: there is no such recipe.
    """

    def __init__(self, recipe: str) -> None:
        loaded = load(recipe)
        artifacts = Artifacts.of(loaded.name)
        self._known = KnownEvents(loaded, artifacts)
        self._store = store_of(loaded, artifacts).open()

    def record(
        self,
        user_id: str,
        item_id: str,
        event: str = "interaction",
        event_id: str | None = None,
        time: float | None = None,
        allow_new_items: bool = False,
    ) -> bool:
        """Record one event; returns False if it was already recorded. See ``Event.of`` for its id.

        Args:
            event: what happened; one of the kinds of the data, if the recipe tells kinds apart.
            allow_new_items: record an unknown item too, for a later release.

        Raises:
            ShortlistError: the item or the kind of event is unknown.
            StoreError: the store cannot be written. The event may be sent again with the same ``event_id``.
        """
        happened = Event.of(user_id, item_id, event, event_id, time)
        self._known.check(happened, allow_new_items)
        return self._store.record([happened]) == 1

    def close(self) -> None:
        self._store.close()

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
