"""Items that are switched off in the feature store; no answer contains them."""

import time

import numpy as np

from ..errors import StoreError
from ..stores.feature_store import FeatureStore
from .catalogue import Catalogue

#: The store is asked again after this time, so an item disappears well within a second.
SECONDS = 0.25


class Availability:
    """The items that may be shown now. If the store fails, its last answer still holds."""

    def __init__(self, store: FeatureStore, catalogue: Catalogue) -> None:
        self._store, self._catalogue = store, catalogue
        self._asked = -np.inf
        self._switched_off: frozenset[str] = frozenset()
        self._mask: np.ndarray | None = None

    def mask(self) -> np.ndarray | None:
        """bool [items], the same array as long as nothing changes; None if all may be shown."""
        if time.monotonic() - self._asked >= SECONDS:
            self._ask()
        return self._mask

    def _ask(self) -> None:
        try:
            switched_off = self._store.switched_off()
        except StoreError:
            switched_off = self._switched_off
        self._asked = time.monotonic()
        if switched_off == self._switched_off:
            return
        self._switched_off = switched_off
        rows = [row for row in self._catalogue.rows(switched_off) if row >= 0]
        mask = np.ones(self._catalogue.size, dtype=bool)
        mask[rows] = False
        mask.flags.writeable = False
        self._mask = mask if rows else None
