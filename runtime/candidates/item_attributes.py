"""Item attributes by name, for filters and rules: raw values of their own types, in row order.

``attributes.json`` describes them; ``attributes/`` holds their values as arrays that are mapped into
memory. Strings are stored as indices into the sorted list of all strings of the release, lists as their
concatenated elements with the offset of each item's first one.
"""

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np

from ..arrays import save
from ..conditions import ColumnType

FOLDER, DESCRIPTION = "attributes", "attributes.json"


class Words(Sequence[str]):
    """Strings, each once, sorted by code points.

    ``text``: uint8, all of them in UTF-8, one after another; ``starts``: int64 [n + 1], where each begins.
    """

    def __init__(self, text: np.ndarray, starts: np.ndarray) -> None:
        self._text, self._starts = text, starts

    @classmethod
    def of(cls, words: Iterable[str]) -> "Words":
        """From strings that are sorted, each once."""
        encoded = [word.encode() for word in words]
        starts = np.concatenate([[0], np.cumsum([len(word) for word in encoded], dtype=np.int64)])
        return cls(np.frombuffer(b"".join(encoded), np.uint8), starts.astype(np.int64))

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...
    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        return bytes(self._text[self._starts[place] : self._starts[place + 1]]).decode()

    def place(self, word: str) -> tuple[int, bool]:
        """The number of strings before it, and whether it is one of them."""
        place = bisect_left(self, word)
        return place, place < len(self) and self[place] == word

    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """What they are made of: ``text`` and ``starts``."""
        return self._text, self._starts


@dataclass(frozen=True)
class Attribute:
    """One attribute of all items.

    ``values``, by ``kind``: numbers (int8 to int64, uint8 to uint64, float32 or float64), bool, int32 indices
    into ``words``, or int64 microseconds since 1970 (UTC). One value per item, or with ``offsets``
    (int64 [items + 1]) any number of them. ``known``: bool [values], or None if no value is missing.
    """

    name: str
    kind: Literal["number", "boolean", "string", "time"]
    values: np.ndarray
    known: np.ndarray | None = None
    offsets: np.ndarray | None = None
    words: Words | None = None

    @property
    def type(self) -> ColumnType:
        """Its type in conditions."""
        return ColumnType(self.kind, self.offsets is not None)

    def where_known(self, holds: np.ndarray) -> np.ndarray:
        """``holds`` (bool [values]), false for missing values."""
        return holds if self.known is None else holds & self.known

    def any_of(self, holds: np.ndarray) -> np.ndarray:
        """bool [items]: whether ``holds`` (bool [values]) is true for any of an item's values."""
        if self.offsets is None:
            return holds
        before = np.concatenate([[0], np.cumsum(holds)])
        return before[self.offsets[1:]] > before[self.offsets[:-1]]

    def of(self, row: int) -> list[Any]:
        """The values of one item as stored (strings as indices); none if they are missing."""
        if self.offsets is not None:
            return self.values[self.offsets[row] : self.offsets[row + 1]].tolist()
        return [] if self.known is not None and not self.known[row] else [self.values[row].item()]

    def take(self, rows: np.ndarray) -> "Attribute":
        """The attribute of these items only, int64 [n]."""
        if self.offsets is None:
            known = None if self.known is None else self.known[rows]
            return replace(self, values=self.values[rows], known=known)
        begins, lengths = self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows]
        offsets = np.concatenate([[0], np.cumsum(lengths)])
        places = np.arange(offsets[-1]) + np.repeat(begins - offsets[:-1], lengths)
        return replace(self, values=self.values[places], offsets=offsets)


def write(directory: Path, attributes: Sequence[Attribute]) -> None:
    """Write the attributes of a release; those with strings share ``words``."""
    folder = directory / FOLDER
    folder.mkdir()
    described = []
    words = Words.of([])
    for number, each in enumerate(attributes):
        arrays = {"values": each.values, "known": each.known, "offsets": each.offsets}
        parts = {part: array for part, array in arrays.items() if array is not None}
        for part, array in parts.items():
            save(directory / _path(number, part), array)
        described.append({"name": each.name, "kind": each.kind, "parts": [*parts]})
        words = each.words or words
    for part, array in zip(("text", "starts"), words.arrays(), strict=True):
        save(directory / _path("words", part), array)
    text = json.dumps(described, ensure_ascii=False) + "\n"
    (directory / DESCRIPTION).write_text(text, encoding="utf-8")


def read(directory: Path, array: Callable[[str], np.ndarray]) -> dict[str, Attribute]:
    """The attributes of a release by name; ``array`` maps a file of the release into memory."""
    described = json.loads((directory / DESCRIPTION).read_text(encoding="utf-8"))
    words = Words(*(array(_path("words", part)) for part in ("text", "starts")))
    return {
        each["name"]: Attribute(
            each["name"],
            each["kind"],
            words=words if each["kind"] == "string" else None,
            **{part: array(_path(number, part)) for part in each["parts"]},
        )
        for number, each in enumerate(described)
    }


def _path(name: int | str, part: str) -> str:
    return f"{FOLDER}/{name}.{part}.npy"
