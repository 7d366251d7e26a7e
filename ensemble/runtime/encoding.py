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
from .number_features import Age, Bucket, Numeric, OfOneColumn
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
class Categorical(OfOneColumn):
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


#: Values of several columns as they are spelled, None for a null.
Values = tuple[str | None, ...]


class Statistics(Mapping[Values, float]):
    """A number by values, read from a JSON list of both when it is first asked."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _numbers(self) -> dict[Values, float]:
        pairs = json.loads(self._path.read_text(encoding="utf-8"))
        return {tuple(values): number for values, number in pairs}

    def __getitem__(self, values: Values) -> float:
        return self._numbers[values]

    def __iter__(self) -> Iterator[Values]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


@dataclass(frozen=True)
class Target:
    """The statistic of the values of ``columns`` together, as ``number`` goes on with it.

    ``otherwise``: of the values that no interaction of the training part had.
    """

    columns: tuple[str, ...]
    dtypes: tuple[str, ...]
    statistics: Mapping[Values, float] = field(repr=False)
    otherwise: float
    number: Numeric

    shape = ()
    array_dtype = "float32"

    @property
    def name(self) -> str:
        return self.number.name

    def encode(self, *columns: Sequence[Any]) -> np.ndarray:
        """float32 [N] of N values of each column."""
        found = [
            self.statistics.get(self._key(values), self.otherwise)
            for values in zip(*columns, strict=True)
        ]
        return self.number.of_numbers(np.array(found, np.float64).reshape(len(found)))

    def _key(self, values: tuple[Any, ...]) -> Values:
        return tuple(
            None if is_null(value) else spell(value, dtype)
            for value, dtype in zip(values, self.dtypes, strict=True)
        )


Encoder = Categorical | Bucket | Numeric | Age | Target


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

    @property
    def user_columns(self) -> tuple[str, ...]:
        """The raw columns that the user's features are encoded from, each once."""
        return tuple(dict.fromkeys(name for each in self.user_features for name in each.columns))

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
            return _numeric(entry)
        case "age":
            return Age(entry["column"], float(entry["reference"]), _numeric(entry))
        case "target":
            return Target(
                tuple(entry["columns"]),
                tuple(entry["dtypes"]),
                Statistics(folder / entry["statistics"]),
                float(entry["otherwise"]),
                _numeric(entry),
            )
        case kind:
            raise ValueError(f"encoding.json: unknown kind {kind!r} of {entry['name']!r}")


def _numeric(entry: dict[str, Any]) -> Numeric:
    return Numeric(
        entry["name"],
        float(entry["mean"]),
        float(entry["std"]),
        float(entry["fill"]),
        tuple(entry["clip"]) if entry.get("clip") else None,
        entry.get("log", False),
    )
