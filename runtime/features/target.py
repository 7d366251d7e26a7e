"""Values -> the mean that a feature of kind ``target`` assigns to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .json_mapping import JsonMapping
from .numeric import AsNumber, Numeric
from .spelling import is_null, spell

#: Spelled values of several columns; None for a null.
Values = tuple[str | None, ...]


class Statistics(JsonMapping[Values, float]):
    """A number by values, from a JSON list of pairs."""

    def _of(self, content: Any) -> dict[Values, float]:
        return {tuple(values): number for values, number in content}


@dataclass(frozen=True)
class Target(AsNumber):
    """The statistic of the combined values of ``columns``, encoded by ``number``.

    ``otherwise``: the statistic of values that no interaction of the training part has.
    """

    columns: tuple[str, ...]
    dtypes: tuple[str, ...]
    statistics: Mapping[Values, float] = field(repr=False)
    otherwise: float
    number: Numeric

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
