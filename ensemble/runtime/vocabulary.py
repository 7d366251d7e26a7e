"""The known values of a column and their codes, as a release holds them."""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from .codes import FIRST_KNOWN


class Vocabulary(Mapping[str, int]):
    """Code by value, read from a JSON list of values when it is first asked."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _codes(self) -> dict[str, int]:
        values = json.loads(self._path.read_text(encoding="utf-8"))
        return {value: code for code, value in enumerate(values, start=FIRST_KNOWN)}

    def __getitem__(self, value: str) -> int:
        return self._codes[value]

    def get(self, value: str, default: int) -> int:  # type: ignore[override]
        return self._codes.get(value, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._codes)

    def __len__(self) -> int:
        return len(self._codes)
