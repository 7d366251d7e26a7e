"""Item attributes by name, for filters: raw values in row order.

``attributes.json`` describes them; ``attributes/`` holds their values as arrays that are mapped into
memory. Strings are stored as indices into a list of the distinct ones, lists as their concatenated
elements with the offset of each item's first one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..arrays import save
from ..safe_names import safe_name

FOLDER, DESCRIPTION = "attributes", "attributes.json"


@dataclass(frozen=True)
class Attribute:
    """One attribute of all items.

    ``values``: float64, NaN if missing; or int32 indices into ``words``, -1 if missing. One value per
    item, or with ``offsets`` (int64 [items + 1]) any number of them.
    """

    name: str
    values: np.ndarray
    words: tuple[str, ...] | None = None
    offsets: np.ndarray | None = None

    @property
    def kind(self) -> str:
        """The type of its values, for error messages."""
        what = "numbers" if self.words is None else "strings"
        return f"lists of {what}" if self.offsets is not None else what

    def any_of(self, holds: np.ndarray) -> np.ndarray:
        """bool [items]: whether ``holds`` (bool [values]) is true for any of an item's values."""
        if self.offsets is None:
            return holds
        before = np.concatenate([[0], np.cumsum(holds)])
        return before[self.offsets[1:]] > before[self.offsets[:-1]]


def write(directory: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write the attributes of a release: by name, a value (or a list, or None) per item row."""
    (directory / FOLDER).mkdir()
    described = []
    for name, rows in columns.items():
        several = any(isinstance(row, list) for row in rows)
        if several:
            lists = [row if isinstance(row, list) else [] for row in rows]
            offsets = np.concatenate([[0], np.cumsum([len(each) for each in lists])])
            save(_file(directory, name, "offsets"), offsets.astype(np.int64))
            rows = [value for each in lists for value in each]
        words = None
        if any(isinstance(row, str) for row in rows):
            words = sorted({str(row) for row in rows if row is not None})
            place = {word: number for number, word in enumerate(words)}
            values = np.array([-1 if row is None else place[str(row)] for row in rows], np.int32)
        else:
            values = np.array([np.nan if row is None else float(row) for row in rows])
        save(_file(directory, name, "values"), values)
        described.append({"name": name, "list": several, "words": words})
    text = json.dumps(described, ensure_ascii=False) + "\n"
    (directory / DESCRIPTION).write_text(text, encoding="utf-8")


def read(directory: Path, array: Callable[[str], np.ndarray]) -> dict[str, Attribute]:
    """The attributes of a release by name; ``array`` maps a file of the release into memory."""
    described = json.loads((directory / DESCRIPTION).read_text(encoding="utf-8"))
    return {
        each["name"]: Attribute(
            each["name"],
            array(_path(each["name"], "values")),
            None if each["words"] is None else tuple(each["words"]),
            array(_path(each["name"], "offsets")) if each["list"] else None,
        )
        for each in described
    }


def _path(name: str, part: str) -> str:
    return f"{FOLDER}/{safe_name(name)}.{part}.npy"


def _file(directory: Path, name: str, part: str) -> Path:
    return directory / _path(name, part)
