"""Raw values -> the codes and numbers that the models were trained on.

The fitted NVTabular workflow, compiled to look-ups (``encoding.json`` and its vocabularies). Codes
follow NVTabular's Categorify: 0 padding, 1 null, 2 out-of-vocabulary, 3 and up the known values.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from .codes import FIRST_KNOWN, NULL, OUT_OF_VOCABULARY, PADDING, combination, hashed_code
from .vocabulary import Vocabulary
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


class OfOneColumn:
    """An encoder of the raw column that it is named after."""

    name: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns whose values ``encode`` takes."""
        return (self.name,)


@dataclass(frozen=True)
class Categorical(OfOneColumn):
    """A code per distinct value; ``max_length`` codes a row for a list, or for a ``text``'s words.

    ``hash_bins``: how many codes values are hashed to, in the place of ``codes``.
    ``keep_last``: of a longer list the last values count, not the first ones.
    """

    name: str
    dtype: str
    codes: Mapping[str, int] = field(repr=False)
    max_length: int | None = None
    text: bool = False
    hash_bins: int | None = None
    keep_last: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one encoded row."""
        return () if self.max_length is None else (self.max_length,)

    array_dtype = "int64"

    def code(self, key: str) -> int:
        """The code of a value that is spelled already."""
        if self.hash_bins is not None:
            return hashed_code(key, self.hash_bins)
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
            kept = slice(-self.max_length, None) if self.keep_last else slice(self.max_length)
            codes = [self._code(element) for element in list(elements)[kept]]
            row[: len(codes)] = codes
        return encoded

    def _code(self, value: Any) -> int:
        return NULL if is_null(value) else self.code(spell(value, self.dtype))


@dataclass(frozen=True)
class Bucket(OfOneColumn):
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
class Numeric(OfOneColumn):
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


@dataclass(frozen=True)
class Combined:
    """A code per combination of the codes of ``parts``, which ``category`` knows by their spelling."""

    parts: tuple[Categorical | Bucket, ...]
    category: Categorical

    shape = ()
    array_dtype = "int64"

    @property
    def name(self) -> str:
        return self.category.name

    @property
    def columns(self) -> tuple[str, ...]:
        """The raw columns whose values ``encode`` takes."""
        return tuple(part.name for part in self.parts)

    def encode(self, *values: Sequence[Any]) -> np.ndarray:
        """int64 [N] of the N values of each part."""
        codes = [part.encode(each).tolist() for part, each in zip(self.parts, values, strict=True)]
        return self.category.encode([combination(row) for row in zip(*codes, strict=True)])


Encoder = Categorical | Bucket | Numeric | Combined


def raw_columns(encoders: Iterable[Encoder]) -> tuple[str, ...]:
    """The raw columns that these encoders read, each once."""
    return tuple(dict.fromkeys(name for each in encoders for name in each.columns))


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
        vocabulary = cache(lambda name: Vocabulary(folder / name))  # features may share one
        return cls(
            user=_categorical(content["user"], vocabulary),
            item=_categorical(content["item"], vocabulary),
            user_features=_encoders(content["user_features"], vocabulary),
            item_features=_encoders(content["item_features"], vocabulary),
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


def _encoders(
    entries: list[dict[str, Any]], vocabulary: Callable[[str], Vocabulary]
) -> tuple[Encoder, ...]:
    """Those of a side, in their order; a combination finds its parts among the others."""
    found: dict[str, Any] = {
        entry["name"]: _encoder(entry, vocabulary)
        for entry in entries
        if entry["kind"] != "combined"
    }
    for entry in entries:
        if entry["kind"] == "combined":
            parts = tuple(found[part] for part in entry["of"])
            found[entry["name"]] = Combined(parts, _categorical(entry, vocabulary))
    return tuple(found[entry["name"]] for entry in entries)


def _categorical(entry: dict[str, Any], vocabulary: Callable[[str], Vocabulary]) -> Categorical:
    hash_bins = entry.get("hash_bins")
    return Categorical(
        entry["name"],
        entry["dtype"],
        {} if hash_bins else vocabulary(entry["vocabulary"]),
        entry["max_length"] if entry.get("list") else None,
        entry.get("text", False),
        hash_bins,
        entry.get("keep") == "last",
    )


def _encoder(entry: dict[str, Any], vocabulary: Callable[[str], Vocabulary]) -> Encoder:
    match entry["kind"]:
        case "categorical":
            return _categorical(entry, vocabulary)
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
