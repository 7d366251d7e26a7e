"""A JSON file of a release as a mapping."""

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class JsonMapping(Mapping[Key, Value]):
    """A mapping from a JSON file, which is read at the first look-up."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @abstractmethod
    def _of(self, content: Any) -> dict[Key, Value]:
        """The dictionary for the file's content."""

    @cached_property
    def _found(self) -> dict[Key, Value]:
        return self._of(json.loads(self._path.read_text(encoding="utf-8")))

    def __getitem__(self, key: Key) -> Value:
        return self._found[key]

    def get(self, key: Key, default: Value) -> Value:  # type: ignore[override]
        return self._found.get(key, default)

    def __iter__(self) -> Iterator[Key]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)
