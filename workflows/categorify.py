"""NVTabular's ``Categorify``, mended for nulls on pandas."""

import workflows.merlin_compat  # noqa: F401  isort: skip

import itertools
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import numpy as np
import nvtabular.ops
import pandas as pd
import pyarrow as pa
from merlin.dag import ColumnSelector

from ensemble.runtime.codes import FIRST_KNOWN, NULL


class Categorify(nvtabular.ops.Categorify):
    """NVTabular's codes: 0 padding, 1 null, 2 out of vocabulary, 3.. by count, then by value.

    Only values that are not null reach NVTabular 23.8 on pandas. Otherwise a partition that is all
    null fails (``dropna().iloc[0]``), a null in a list is coded 2, integers beside a null in a list
    become floats, and a column without one value at fit leaves no vocabulary file behind. The order
    of equal counts is that of a sort whose ties depend on the CPU: vocabularies are sorted again.
    """

    def fit(self, col_selector: ColumnSelector, ddf: dd.DataFrame) -> Any:
        if isinstance(ddf._meta, pd.DataFrame):
            names = list(col_selector.names)
            ddf = ddf.map_partitions(
                _without_nulls_in_lists, names, meta=ddf._meta, enforce_metadata=False
            )
        return super().fit(col_selector, ddf)

    def fit_finalize(self, categories: dict[str, str]) -> None:
        for name, path in categories.items():
            size = f"{name}_size"
            found = pd.DataFrame({name: pd.Series([], dtype=object), size: 0})
            if Path(path).exists():
                # of a column without values there may be one row: a null without a size
                found = pd.read_parquet(path).dropna(subset=[name]).reindex(columns=[name, size])
            # by value first: a stable sort leaves equal counts in that order
            found = found.sort_values(name).sort_values(size, ascending=False, kind="stable")
            write_vocabulary(Path(path), name, pa.array(found[name]), found[size])
        super().fit_finalize(categories)

    def transform(self, col_selector: ColumnSelector, df: Any) -> Any:
        if not isinstance(df, pd.DataFrame):
            return super().transform(col_selector, df)
        encoded = {}
        for name in col_selector.names:
            flat, lengths = _flat(df[name])
            present = flat.notna().to_numpy()
            codes = np.full(len(flat), NULL, np.int64)
            if present.any():
                known = pd.DataFrame({name: flat[present].reset_index(drop=True)})
                found = super().transform(ColumnSelector([name]), known)
                codes[present] = found[name].to_numpy()
            encoded[name] = codes if lengths is None else _nested(codes, lengths)
        return pd.DataFrame(encoded)


def vocabulary_path(folder: Path, name: str) -> Path:
    """Where NVTabular lays a column's vocabulary down, below the workflow's folder."""
    return folder / "categories" / f"unique.{name}.parquet"


def write_vocabulary(path: Path, name: str, values: pa.Array, sizes: Any) -> None:
    """Values in code order and how often each was seen, in the form that ``Categorify`` reads."""
    plain = values.to_pandas() if len(values) else np.empty(0, object)
    vocabulary = pd.DataFrame({name: plain, f"{name}_size": np.asarray(sizes, np.int64)})
    vocabulary.index = pd.RangeIndex(FIRST_KNOWN, FIRST_KNOWN + len(vocabulary))
    vocabulary.to_parquet(path, compression=None)


def is_list(column: pd.Series) -> bool:
    """Whether a column holds lists, as NVTabular tells it: by its first row."""
    return len(column) > 0 and pd.api.types.is_list_like(column.iloc[0])


def _flat(column: pd.Series) -> tuple[pd.Series, np.ndarray | None]:
    """The single values, and how many of them each row holds (None: one each)."""
    if not is_list(column):
        return column, None
    lengths = np.fromiter((len(values) for values in column), np.int64, len(column))
    values = list(itertools.chain.from_iterable(column))
    return pd.Series(values, dtype=object), lengths


def _nested(codes: np.ndarray, lengths: np.ndarray) -> pd.Series:
    rows = np.empty(len(lengths), object)
    ends = np.cumsum(lengths)
    for row, (end, length) in enumerate(zip(ends, lengths, strict=True)):
        rows[row] = codes[end - length : end]
    return pd.Series(rows)


def _without_nulls_in_lists(df: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    df = df.copy(deep=False)
    for name in names:
        flat, lengths = _flat(df[name])
        if lengths is not None and flat.isna().any():
            rows = np.empty(len(df), object)
            for row, values in enumerate(df[name]):
                rows[row] = [value for value in values if not pd.isna(value)]
            df[name] = rows
    return df
