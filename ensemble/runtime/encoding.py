"""Raw values -> the codes and numbers that the models were trained on.

The fitted NVTabular workflow, compiled to look-ups (``encoding.json`` and its vocabularies). Codes
follow NVTabular's Categorify: 0 padding, 1 null, 2 out-of-vocabulary, 3 and up the known values.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .codes import FIRST_KNOWN, NULL, OUT_OF_VOCABULARY, PADDING
from .words import words


def is_null(value: Any) -> bool:
    """None and NaN (the one value that differs from itself) count as missing."""
    return value is None or value != value


def spell(value: Any, dtype: str) -> str:
    """A raw value as the vocabularies spell it; a value of another type is spelled as it comes."""
    if dtype == "boolean" and isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    number = isinstance(value, int | float | np.integer | np.floating)
    if dtype == "integer" and number and value % 1 == 0:
        return str(int(value))
    if dtype == "float" and number:
        return repr(float(value) + 0.0)  # -0.0 and 0.0 are one value
    return str(value)


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


@dataclass(frozen=True)
class Categorical:
    """A code per distinct value; ``max_length`` codes a row for a list, or for a ``text``'s words."""

    name: str
    dtype: str
    codes: Mapping[str, int] = field(repr=False)
    max_length: int | None = None
    text: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one encoded row."""
        return () if self.max_length is None else (self.max_length,)

    array_dtype = "int64"

    def code(self, key: str) -> int:
        """The code of a value that is spelled already."""
        return self.codes.get(key, OUT_OF_VOCABULARY)

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """int64 [N], or [N, max_length] padded on the right."""
        if self.max_length is None:
            return np.array([self._code(value) for value in values], dtype=np.int64).reshape(
                len(values)
            )
        encoded = np.full((len(values), self.max_length), PADDING, dtype=np.int64)
        for row, elements in zip(encoded, values, strict=True):
            if elements is None or isinstance(elements, float):
                elements = [None]
            elif self.text:
                elements = words(str(elements))
            first = [self._code(element) for element in list(elements)[: self.max_length]]
            row[: len(first)] = first
        return encoded

    def _code(self, value: Any) -> int:
        return NULL if is_null(value) else self.code(spell(value, self.dtype))


@dataclass(frozen=True)
class Bucket:
    """The number of the interval that ``boundaries`` cut, as a category."""

    name: str
    boundaries: np.ndarray

    shape = ()
    array_dtype = "int64"

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """int64 [N]"""
        numbers = _numbers(values)
        codes = FIRST_KNOWN + np.searchsorted(self.boundaries, numbers, side="right")
        return np.where(np.isnan(numbers), NULL, codes).astype(np.int64)


@dataclass(frozen=True)
class Numeric:
    """Missing values filled, then clipped, logarithms taken, and scaled.

    ``mean`` and ``std``: what is subtracted and divided by, for the scale min-max the least number
    of the training part and its distance from the greatest.
    """

    name: str
    mean: float
    std: float
    fill: float
    clip: tuple[float, float] | None = None
    log: bool = False

    shape = ()
    array_dtype = "float32"

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """float32 [N]"""
        numbers = _numbers(values)
        filled = np.where(np.isnan(numbers), self.fill, numbers)
        centred = shaped(filled, self.clip, self.log) - self.mean
        # NVTabular leaves a column that never varies undivided.
        return (centred / self.std if self.std > 0 else centred).astype(np.float32)


def shaped(values: np.ndarray, clip: tuple[float, float] | None, log: bool) -> np.ndarray:
    """float64 [N] before it is scaled, when trained and when served."""
    if clip is not None:
        values = np.clip(values, *clip)
    return np.copysign(np.log1p(np.abs(values)), values) if log else values


Encoder = Categorical | Bucket | Numeric


@dataclass(frozen=True)
class Encoding:
    """Every encoder of a recipe. ``history_name`` is None where the recipe has no history."""

    user: Categorical
    item: Categorical
    user_features: tuple[Encoder, ...]
    item_features: tuple[Encoder, ...]
    history_name: str | None
    history_length: int

    @classmethod
    def load(cls, folder: Path) -> "Encoding":
        """Read ``encoding.json`` and its vocabularies."""
        content = json.loads((folder / "encoding.json").read_text(encoding="utf-8"))
        if content["format"] != 1:
            raise ValueError(
                f"encoding.json has format {content['format']}; this code reads format 1"
            )
        history = content["history"]
        user, item = _encoder(content["user"], folder), _encoder(content["item"], folder)
        assert isinstance(user, Categorical)
        assert isinstance(item, Categorical)
        return cls(
            user=user,
            item=item,
            user_features=tuple(_encoder(each, folder) for each in content["user_features"]),
            item_features=tuple(_encoder(each, folder) for each in content["item_features"]),
            history_name=history["name"] if history else None,
            history_length=history["length"] if history else 0,
        )

    def encode_history(self, interactions: Iterable[Sequence[str]]) -> np.ndarray:
        """int64 [B, history_length]: the most recent items, oldest first, padded on the right."""
        recent = [
            list(items)[-self.history_length :] if self.history_length else []
            for items in interactions
        ]
        codes = np.full((len(recent), self.history_length), PADDING, dtype=np.int64)
        for row, items in zip(codes, recent, strict=True):
            row[: len(items)] = [self.item.code(item) for item in items]
        return codes


def _encoder(entry: dict[str, Any], folder: Path) -> Encoder:
    match entry["kind"]:
        case "categorical":
            return Categorical(
                entry["name"],
                entry["dtype"],
                Vocabulary(folder / entry["vocabulary"]),
                entry["max_length"] if entry.get("list") else None,
                entry.get("text", False),
            )
        case "bucket":
            return Bucket(entry["name"], np.array(entry["boundaries"], dtype=np.float64))
        case "numeric":
            return Numeric(
                entry["name"],
                float(entry["mean"]),
                float(entry["std"]),
                float(entry["fill"]),
                tuple(entry["clip"]) if entry.get("clip") else None,
                entry.get("log", False),
            )
        case kind:
            raise ValueError(f"encoding.json: unknown kind {kind!r} of {entry['name']!r}")


def _numbers(values: Sequence[Any]) -> np.ndarray:
    """float64 [N], NaN where a value is missing or no number."""

    def number(value: Any) -> float:
        try:
            return float("nan") if value is None else float(value)
        except (TypeError, ValueError):
            return float("nan")

    return np.array([number(value) for value in values], dtype=np.float64).reshape(len(values))
