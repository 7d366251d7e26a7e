"""The items of a release: an item is known inside by its row, outside by its raw id."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

NO_ROW = -1


class Catalogue:
    """Row <-> raw id. Rows are sorted by raw id, so order by row is order by id."""

    def __init__(self, raw_ids: Sequence[str]) -> None:
        self.size = len(raw_ids)
        # One more entry at the end: row -1, no item, has the empty id.
        self._raw_ids = np.array([*raw_ids, ""], dtype=object)
        self._row_of = {raw_id: row for row, raw_id in enumerate(raw_ids)}

    @classmethod
    def load(cls, path: Path) -> "Catalogue":
        """Read a JSON list of raw ids in row order."""
        return cls(json.loads(path.read_text(encoding="utf-8")))

    def raw_ids(self, rows: np.ndarray) -> np.ndarray:
        """Raw ids (object array of ``rows``' shape); the empty string for row -1."""
        return self._raw_ids[rows]

    def rows(self, raw_ids: Sequence[str | None]) -> list[int]:
        """Rows of raw ids; -1 for an id (or None) that is not in the catalogue."""
        row_of = self._row_of
        return [row_of.get(raw_id, NO_ROW) if raw_id is not None else NO_ROW for raw_id in raw_ids]
