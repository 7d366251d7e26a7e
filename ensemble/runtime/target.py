"""Values -> the mean that a feature of kind ``target`` has for them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .number_features import Numeric
from .values import is_null, spell

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
