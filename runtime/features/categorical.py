"""Raw values -> the codes that the models were trained on.

They follow NVTabular's Categorify: 0 is padding, 1 null, 2 out-of-vocabulary, 3 and up the known values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..lists import padded_lists
from .codes import NULL, OUT_OF_VOCABULARY, PADDING, combination, hashed_code
from .numeric import Bucket, OfOneColumn
from .spelling import is_null, spell
from .words import words


@dataclass(frozen=True)
class Categorical(OfOneColumn):
    """A code per distinct value; for a list, or the words of a ``text``, ``max_length`` codes per row.

    ``hash_bins``: the number of codes that values are hashed to, instead of looking them up in ``codes``.
    ``keep_last``: a longer list keeps its last values, not its first.
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
        """The code of a spelled value."""
        if self.hash_bins is not None:
            return hashed_code(key, self.hash_bins)
        return self.codes.get(key, OUT_OF_VOCABULARY)

    def encode(self, values: Sequence[Any]) -> np.ndarray:
        """int64 [N], or [N, max_length] padded on the right."""
        if self.max_length is None:
            return np.array([self._code(value) for value in values], dtype=np.int64).reshape(
                len(values)
            )
        kept = slice(-self.max_length, None) if self.keep_last else slice(self.max_length)
        codes = [[self._code(each) for each in self._elements(row)[kept]] for row in values]
        return padded_lists(codes, np.int64, self.max_length, PADDING)

    def _elements(self, value: Any) -> list[Any]:
        """The elements of a list, or the words of a text; one null for a missing value."""
        if value is None or isinstance(value, float):
            return [None]
        if self.text:
            return words(str(value))
        # A live feature may be older than the release, and have the type of another one.
        return list(value) if not isinstance(value, str | int) else [value]

    def _code(self, value: Any) -> int:
        return NULL if is_null(value) else self.code(spell(value, self.dtype))


@dataclass(frozen=True)
class Combined:
    """A crossed feature: a code per combination of the codes of ``parts``, spelled for ``category``."""

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
