"""NVTabular's ``JoinExternal`` for a users or items table in a file."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from merlin.core.dispatch import convert_data
from merlin.io import Dataset
from merlin.io.worker import get_worker_cache
from merlin.schema import Schema
from nvtabular.ops import JoinExternal

from features.value_lookup import hashed

#: Nullable types: pandas would otherwise turn integers into floats, which are not exact.
_NULLABLE = {
    pa.int64(): pd.Int64Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
}


class Join(JoinExternal):
    """Adds the columns of the Parquet table at ``path``, which each process reads once.

    NVTabular's own operator holds the table, so Dask would send all of it with every partition.
    """

    def __init__(self, path: Path, key: str, schema: Schema, gpu: bool) -> None:
        names = schema.column_names
        no_rows = Dataset(pd.DataFrame(columns=names), schema=schema, cpu=not gpu, npartitions=1)
        super().__init__(no_rows, on=key, columns_ext=names)
        self.path, self.key = path, key

    def transform(self, col_selector: Any, df: Any) -> Any:
        if not isinstance(df, pd.DataFrame):
            return super().transform(col_selector, df)
        # pandas' merge would hash the whole table for every partition, and sort the result
        side, rows_of = self._indexed()
        found = side.take(rows_of.get_indexer(pd.Index(df[self.key]))).set_axis(df.index)
        return pd.concat([df, found], axis=1)

    @property
    def _ext(self) -> Any:
        side, rows_of = self._indexed()
        keys = rows_of.to_series(index=side.index, name=self.key)
        return convert_data(pd.concat([side, keys], axis=1), cpu=self.cpu)

    def _indexed(self) -> tuple[pd.DataFrame, pd.Index]:
        """Return the table without its key, and an index of the keys, which has those of all interactions."""
        with get_worker_cache("sides") as cache:
            if self.path not in cache:
                side = pandas_side(pl.read_parquet(self.path))
                cache[self.path] = side.drop(columns=self.key), hashed(pd.Index(side[self.key]))
            return cache[self.path]


def pandas_side(table: pl.DataFrame) -> pd.DataFrame:
    """Convert a users or items table for NVTabular; integers stay integers beside nulls."""
    frame = pd.DataFrame(index=pd.RangeIndex(len(table)))
    for name in table.columns:
        column = table[name].to_arrow(compat_level=pl.CompatLevel.oldest())
        if isinstance(table.schema[name], pl.List):
            frame[name] = _lists(column)
        else:
            frame[name] = column.to_pandas(
                types_mapper=_NULLABLE.get if column.null_count else None
            )
    return frame


def _lists(column: pa.LargeListArray) -> pd.Series:
    lists = np.empty(len(column), object)
    # pandas would turn integers beside a null into floats, and unsigned into signed ones
    has_nulls = column.flatten().null_count > 0
    unsigned = column.type.value_type == pa.uint64()
    for row, values in enumerate(column.to_pylist() if has_nulls else column.to_pandas()):
        if has_nulls and unsigned:
            lists[row] = [None if value is None else np.uint64(value) for value in values]
        else:
            lists[row] = values
    return pd.Series(lists)
