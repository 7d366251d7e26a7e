"""Raw values and their codes, both ways, exactly; spelled by the very code that spells them when served."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from runtime.features.codes import FIRST_KNOWN, NULL, OUT_OF_VOCABULARY
from runtime.features.spelling import spell
from stages.atomic import atomic_file
from stages.errors import ShortlistError


def _parsed(spelling: str, kind: str) -> Any:
    if kind == "integer":
        return int(spelling)
    if kind == "float":
        return float(spelling)
    if kind == "boolean":
        return spelling == "true"
    return spelling


@dataclass(frozen=True)
class Vocabulary:
    """A column's values in code order, spelled as strings: element ``i`` has code ``i + 3``."""

    name: str
    kind: str
    values: tuple[str, ...]

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {value: code for code, value in enumerate(self.values, FIRST_KNOWN)}

    @classmethod
    def of(cls, name: str, kind: str, values: Sequence[Any]) -> "Vocabulary":
        """From raw values in code order."""
        return cls(name, kind, tuple(spell(value, kind) for value in values))

    @classmethod
    def load(cls, path: Path, name: str, kind: str) -> "Vocabulary":
        return cls(name, kind, tuple(json.loads(path.read_text(encoding="utf-8"))))

    def save(self, path: Path) -> None:
        with atomic_file(path) as temporary:
            temporary.write_text(json.dumps(self.values, ensure_ascii=False), encoding="utf-8")

    @property
    def cardinality(self) -> int:
        """How many codes there are, those of padding, null and out-of-vocabulary included."""
        return len(self.values) + FIRST_KNOWN

    def encode(self, raw: Sequence[Any]) -> np.ndarray:
        """Codes int64 [N] of N raw values; null is 1, a value that is not known is 2."""
        codes = [
            NULL if pd.isna(value) else self._codes.get(spell(value, self.kind), OUT_OF_VOCABULARY)
            for value in raw
        ]
        return np.array(codes, np.int64).reshape(len(codes))

    def decode(self, codes: Iterable[int]) -> list[Any]:
        """The raw values of N codes, in their own type; None for 0, 1 and 2, which name no value.

        Raises ``ShortlistError`` for a code that the vocabulary does not have.
        """
        decoded = []
        for code in codes:
            if not 0 <= code < self.cardinality:
                raise ShortlistError(
                    f"'{self.name}' has the codes 0 to {self.cardinality - 1}, and {code} came: it "
                    "is from another preparation. Run `shortlist prepare` and what follows it."
                )
            known = code >= FIRST_KNOWN
            decoded.append(_parsed(self.values[code - FIRST_KNOWN], self.kind) if known else None)
        return decoded
