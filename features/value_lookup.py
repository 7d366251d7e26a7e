"""Maps values to their positions in a list of values: the one look-up of the ``polars`` engine."""

import numpy as np
import pandas as pd
import polars as pl

from stages.columns import exactly


def _table_fits(length: int, values: int) -> bool:
    """Whether a table over a range of integers is worth its memory: 128 MB, or 64 bytes per value."""
    return length <= max(min(64 * values, 1 << 24), 8 * values, 1 << 16)


class Lookup:
    """Called with a series, returns the position of each value in ``values``, plus ``first``.

    Args:
        values: [N], distinct and not null: integers, floats, booleans or strings.
        first: the result for the first of them.
        unknown: the result for any other value.
        null: the result for a null.
        dtype: the dtype of the result.

    Integers that lie close together are looked up in a table, other numbers and strings by their hash; the
    result is the same.
    """

    def __init__(
        self,
        values: pl.Series,
        *,
        first: int = 0,
        unknown: int = 0,
        null: int = 0,
        dtype: type[np.generic] = np.int64,
    ) -> None:
        self.dtype = values.dtype
        self.null = null
        self.unknown = unknown
        self.first = first
        self.places = np.arange(first, first + len(values), dtype=dtype)
        self.strings: pl.Enum | None = None
        self.table: np.ndarray | None = None
        if self.dtype == pl.String:
            self.strings = pl.Enum(values)
            return
        numbers = _numbers(values)
        if len(numbers) and numbers.dtype.kind in "iu":
            length = int(numbers.max()) - int(numbers.min()) + 1
            if _table_fits(length, len(numbers)):
                # one more entry at either end, for values out of range
                self.before = numbers.min(keepdims=True) - 1
                self.table = np.full(length + 2, unknown, dtype)
                self.table[numbers - self.before] = self.places
                return
        self.index = hashed(pd.Index(numbers))

    def __call__(self, values: pl.Series) -> pl.Series:
        """The positions [M] of M values of the same type, which may include nulls."""
        name, values = values.name, values.alias("values")
        missing = values.is_null().to_numpy() if values.null_count() else None
        if self.strings is not None:
            found = values.cast(self.strings, strict=False).to_physical()
            known = found.cast(pl.Int64) + self.first
            places = known.fill_null(self.unknown).to_numpy().astype(self.places.dtype)
        else:
            places = self._number(_numbers(values))
        if missing is not None:
            places = np.where(missing, self.places.dtype.type(self.null), places)
        return pl.Series(name, places)

    def _number(self, numbers: np.ndarray) -> np.ndarray:
        if self.table is not None:
            # differences wrap around at 64 bits, but never into the table
            return self.table.take((numbers - self.before).view(np.int64), mode="clip")
        at = self.index.get_indexer(pd.Index(numbers))
        return np.where(at >= 0, at + self.first, self.unknown).astype(self.places.dtype)

    def of(self, name: str) -> pl.Expr:
        """The positions of a column's values, as an expression of a lazy plan."""
        dtype = pl.Series(np.empty(0, self.places.dtype)).dtype
        values = exactly(name).cast(self.dtype)
        return values.map_batches(self, return_dtype=dtype, is_elementwise=True)


def hashed(values: pd.Index) -> pd.Index:
    """The same index with its hash table filled: pandas fills it at first use, which is not thread-safe."""
    values.get_indexer(values[:1])
    return values


def _numbers(values: pl.Series) -> np.ndarray:
    """The values as numbers of 8 bytes each; a null becomes 0."""
    numbers = values.cast(pl.Int64) if values.dtype == pl.Boolean else values
    return (numbers.fill_null(0) if numbers.null_count() else numbers).to_numpy()
