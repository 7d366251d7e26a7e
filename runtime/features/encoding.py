"""Raw values -> the codes and numbers that the models were trained on.

The fitted NVTabular workflow, compiled to look-ups: ``encoding.json``, its vocabularies and statistics.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..lists import padded_lists
from .categorical import Categorical, Combined
from .codes import PADDING
from .numeric import Age, Bucket, Numeric
from .target import Statistics, Target
from .vocabulary import Vocabulary

Encoder = Categorical | Bucket | Combined | Numeric | Age | Target


@dataclass(frozen=True)
class Encoding:
    """Every encoder of a recipe. ``history_name`` is None if the recipe has no history."""

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
                f"expected format 1 in {folder / 'encoding.json'}, got {content['format']}"
            )
        history = content["history"]
        read = _Reader(folder)
        return cls(
            user=read.categorical(content["user"]),
            item=read.categorical(content["item"]),
            user_features=read.encoders(content["user_features"]),
            item_features=read.encoders(content["item_features"]),
            history_name=history["name"] if history else None,
            history_length=history["length"] if history else 0,
        )

    @property
    def user_columns(self) -> tuple[str, ...]:
        """The raw columns that user features are encoded from, each once."""
        return tuple(dict.fromkeys(name for each in self.user_features for name in each.columns))

    def encode_history(self, interactions: Iterable[Sequence[str]]) -> np.ndarray:
        """int64 [B, history_length]: the most recent items, oldest first, padded on the right."""
        recent = [
            list(items)[-self.history_length :] if self.history_length else []
            for items in interactions
        ]
        codes = [[self.item.code(item) for item in items] for items in recent]
        return padded_lists(codes, np.int64, self.history_length, PADDING)


class _Reader:
    """Makes encoders from the entries of ``encoding.json``, with the look-up files of its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._vocabularies: dict[str, Vocabulary] = {}  # features may share one

    def encoders(self, entries: list[dict[str, Any]]) -> tuple[Encoder, ...]:
        """The encoders of one side, in order; the parts of a crossed feature are among the others."""
        found: dict[str, Any] = {
            entry["name"]: self._encoder(entry) for entry in entries if entry["kind"] != "combined"
        }
        for entry in entries:
            if entry["kind"] == "combined":
                parts = tuple(found[part] for part in entry["of"])
                found[entry["name"]] = Combined(parts, self.categorical(entry))
        return tuple(found[entry["name"]] for entry in entries)

    def categorical(self, entry: dict[str, Any]) -> Categorical:
        hash_bins = entry.get("hash_bins")
        return Categorical(
            entry["name"],
            entry["dtype"],
            {} if hash_bins else self._vocabulary(entry["vocabulary"]),
            entry["max_length"] if entry.get("list") else None,
            entry.get("text", False),
            hash_bins,
            entry.get("keep") == "last",
        )

    def _vocabulary(self, path: str) -> Vocabulary:
        return self._vocabularies.setdefault(path, Vocabulary(self._folder / path))

    def _encoder(self, entry: dict[str, Any]) -> Encoder:
        match entry["kind"]:
            case "categorical":
                return self.categorical(entry)
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
                    Statistics(self._folder / entry["statistics"]),
                    float(entry["otherwise"]),
                    _numeric(entry),
                )
            case kind:
                raise ValueError(
                    f"expected a known kind for {entry['name']!r} in encoding.json, got {kind!r}"
                )


def _numeric(entry: dict[str, Any]) -> Numeric:
    return Numeric(
        entry["name"],
        float(entry["mean"]),
        float(entry["std"]),
        float(entry["fill"]),
        tuple(entry["clip"]) if entry.get("clip") else None,
        entry.get("log", False),
    )
