"""The items of a release: the runtime uses their rows, clients their raw ids."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..arrays import save
from ..errors import ReleaseError

NO_ROW = -1
#: Raw ids in UTF-8, by row; and the rows sorted by those bytes, for binary search.
IDS, ORDER = "item_ids.npy", "item_order.npy"
#: The rows of up to this many ids are cached.
REMEMBERED = 200_000


class Catalogue:
    """Row <-> raw id. Ties are broken by row: rows follow the order of the items table's ids.

    Both arrays are mapped into memory read-only: loading costs nothing for any number of items, and
    instances share the pages.
    """

    def __init__(self, ids: np.ndarray, order: np.ndarray) -> None:
        self.size = len(ids)
        self._ids, self._order = ids, order
        self._known: dict[str, int] = {}

    @classmethod
    def load(cls, directory: Path) -> "Catalogue":
        """Read the catalogue of a release.

        Raises:
            ReleaseError: the release has none, or one in an older format.
        """
        try:
            arrays = (np.load(directory / name, mmap_mode="r") for name in (IDS, ORDER))
            return cls(*(array.view(np.ndarray) for array in arrays))
        except (OSError, ValueError) as error:
            raise ReleaseError(
                f"expected a readable item catalogue in {directory}, got: {error}; "
                "export the release again"
            ) from error

    @staticmethod
    def write(directory: Path, raw_ids: Sequence[str]) -> None:
        """Write the catalogue of a release: raw ids in row order, each once."""
        ids = np.array([_bytes(raw_id) for raw_id in raw_ids], dtype=np.bytes_)
        save(directory / IDS, ids)
        save(directory / ORDER, np.argsort(ids, kind="stable").astype(np.int32))

    def raw_ids(self, rows: np.ndarray) -> np.ndarray:
        """Raw ids (object array of ``rows``' shape); the empty string for row -1."""
        found = np.where(rows < 0, b"", self._ids[np.maximum(rows, 0)])
        texts = np.empty(rows.size, dtype=object)
        texts[:] = [each.decode("utf-8", "surrogatepass") for each in found.ravel().tolist()]
        return texts.reshape(rows.shape)

    def rows(self, raw_ids: Iterable[str | None]) -> list[int]:
        """Rows of raw ids; -1 for an id (or None) that is not in the catalogue."""
        wanted = list(raw_ids)
        rows = [NO_ROW if each is None else self._known.get(each) for each in wanted]
        new = [each for each, row in zip(wanted, rows, strict=True) if row is None and each]
        found = self._found(new) if new else {}
        if len(self._known) + len(found) > REMEMBERED:
            self._known.clear()
        self._known |= found
        return [
            found.get(each or "", NO_ROW) if row is None else row
            for each, row in zip(wanted, rows, strict=True)
        ]

    def row(self, raw_id: str) -> int:
        """Row of one raw id, or -1."""
        row = self._known.get(raw_id)
        return self.rows([raw_id])[0] if row is None else row

    def _found(self, raw_ids: Sequence[str]) -> dict[str, int]:
        """Rows of the ids that are in the catalogue."""
        # NumPy strips trailing zero bytes and cuts longer keys; neither is an id here.
        keys = [_bytes(raw_id) for raw_id in raw_ids]
        width = self._ids.itemsize
        keys = [key if len(key) <= width and not key.endswith(b"\0") else b"" for key in keys]
        searched = np.array(keys, dtype=self._ids.dtype)
        places = np.searchsorted(self._ids, searched, sorter=self._order)
        rows = self._order[np.minimum(places, self.size - 1)]
        hits = (self._ids[rows] == searched) & (searched != b"")
        return {raw_ids[place]: int(rows[place]) for place in np.flatnonzero(hits).tolist()}


class ItemCodes(Mapping[str, int]):
    """The item vocabulary, looked up in the catalogue instead of a dictionary of all items.

    ``codes``: the encoded id of each row.
    """

    def __init__(self, catalogue: Catalogue, codes: np.ndarray) -> None:
        self._catalogue, self._codes = catalogue, codes

    def __getitem__(self, raw_id: str) -> int:
        row = self._catalogue.row(raw_id)
        if row < 0:
            raise KeyError(raw_id)
        return int(self._codes[row])

    def get(self, raw_id: str, default: int) -> int:  # type: ignore[override]
        row = self._catalogue.row(raw_id)
        return default if row < 0 else int(self._codes[row])

    def __iter__(self) -> Iterator[str]:
        return iter(self._catalogue.raw_ids(np.arange(self._catalogue.size)).tolist())

    def __len__(self) -> int:
        return self._catalogue.size


def _bytes(raw_id: str) -> bytes:
    return raw_id.encode("utf-8", "surrogatepass")
