"""NVTabular's ``Categorify``, with its handling of nulls and NULs on pandas fixed."""

import itertools
from pathlib import Path
from typing import Any

import dask.dataframe as dd
import numpy as np
import nvtabular.ops
import pandas as pd
import pyarrow as pa
from merlin.dag import ColumnSelector
from merlin.io.worker import get_worker_cache

from features.operators.nuls import have_nuls, with_nuls, without_nuls
from features.value_lookup import hashed
from runtime.features.codes import FIRST_KNOWN, NULL, OUT_OF_VOCABULARY
from runtime.safe_names import safe_name


class Categorify(nvtabular.ops.Categorify):
    """NVTabular's codes: 0 padding, 1 null, 2 out of vocabulary, 3.. by count, then by value.

    On pandas, NVTabular 23.8 gets only values that are not null. Otherwise a partition of nulls fails
    (``dropna().iloc[0]``), a null in a list gets code 2, integers beside a null in a list become
    floats, and a column without any value at fit leaves no vocabulary file. Texts with a
    NUL are counted under another spelling (``features.operators.nuls``). NVTabular orders equal counts by
    a sort whose ties depend on the CPU, so vocabularies are sorted again.

    ``shared``: by column, the name of the vocabulary that it shares with others. NVTabular fits columns
    together if one node of the graph has them all. Here each column has its own node, on either side;
    the columns are counted one by one, and the counts are added up.
    """

    def __init__(self, shared: dict[str, str] | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.storage_name = shared or {}
        self._counted: dict[str, list[pd.DataFrame]] = {}
        #: The columns by the names that NVTabular counts them under.
        self._named: dict[str, str] = {}

    def fit(self, col_selector: ColumnSelector, ddf: dd.DataFrame) -> Any:
        # NVTabular names files after columns
        safe = {name: safe_name(name) for name in col_selector.names}
        self._named |= {short: name for name, short in safe.items()}
        ddf = ddf[list(safe)].rename(columns=safe)
        if isinstance(ddf._meta, pd.DataFrame):
            names = list(safe.values())
            ddf = ddf.map_partitions(_countable, names, meta=ddf._meta, enforce_metadata=False)
        return super().fit(ColumnSelector(list(safe.values())), ddf)

    def _create_fit_options_from_columns(self, columns: list[Any]) -> Any:
        options = super()._create_fit_options_from_columns(columns)
        if isinstance(self.freq_threshold, dict):
            # a value that is rare in one column may be frequent in all that share its vocabulary
            limits = self.freq_threshold | dict.fromkeys(self.storage_name, 0)
            options.freq_limit = {safe_name(name): limit for name, limit in limits.items()}
        return options

    def fit_finalize(self, categories: dict[str, str]) -> None:
        for short, path in categories.items():
            name = self._named[short]
            found = _counts(Path(path), short).set_axis([name, f"{name}_size"], axis=1)
            group = self.storage_name.get(name)
            if group is None:
                self._write(name, path, found)
                continue
            for kind in ("unique", "meta"):  # the files of this column alone
                Path(path).with_name(f"{kind}.{short}.parquet").unlink(missing_ok=True)
            counted = self._counted.setdefault(group, [])
            counted.append(found.set_axis([group, f"{group}_size"], axis=1))
            if len(counted) == list(self.storage_name.values()).count(group):
                found = _added_up(self._counted.pop(group), group, self.freq_threshold[group])
                self._write(group, str(vocabulary_path(Path(self.out_path), group)), found)

    def _write(self, name: str, path: str, found: pd.DataFrame) -> None:
        size = f"{name}_size"
        # by value first: the stable sort by count keeps this order for equal counts
        found = found.sort_values(name).sort_values(size, ascending=False, kind="stable")
        if have_nuls(found[name]):
            found = found.assign(**{name: found[name].map(with_nuls)})
        write_vocabulary(Path(path), name, pa.array(found[name]), found[size])
        super().fit_finalize({name: path})

    def transform(self, col_selector: ColumnSelector, df: Any) -> Any:
        if not isinstance(df, pd.DataFrame):
            return super().transform(col_selector, df)
        encoded = {}
        for name in col_selector.names:
            flat, lengths = flattened(df[name])
            present = flat.notna().to_numpy()
            codes = np.full(len(flat), NULL, np.int64)
            if present.any():
                codes[present] = self._known(name, flat[present])
            encoded[name] = codes if lengths is None else nested(codes, lengths)
        return pd.DataFrame(encoded)

    def _known(self, name: str, values: pd.Series) -> np.ndarray:
        """Codes int64 of values that are not null.

        Looked up in an index that each process caches: NVTabular's merges hash the vocabulary again for
        every partition and sort the result.
        """
        name = self.storage_name.get(name, name)
        path = self.categories[name]
        with get_worker_cache("vocabularies") as cache:
            if path not in cache:
                cache[path] = hashed(pd.Index(pd.read_parquet(path, columns=[name])[name]))
            vocabulary = cache[path]
        places = vocabulary.get_indexer(pd.Index(values.astype(vocabulary.dtype)))
        return np.where(places < 0, OUT_OF_VOCABULARY, places + FIRST_KNOWN)


def _counts(path: Path, name: str) -> pd.DataFrame:
    """The values that NVTabular found in a column and their counts: columns ``name`` and ``name_size``."""
    size = f"{name}_size"
    if not path.exists():
        return pd.DataFrame({name: pd.Series([], dtype=object), size: 0})
    # a column without values may have one row: a null without a size
    return pd.read_parquet(path).dropna(subset=[name]).reindex(columns=[name, size])


def _added_up(counts: list[pd.DataFrame], name: str, least: int) -> pd.DataFrame:
    """The summed counts of several columns, for values that occur at least ``least`` times in total."""
    found = [one for one in counts if len(one)]
    if not found:
        return counts[0]
    if any(one[name].dtype == np.uint64 for one in found):
        # whether NVTabular wrote small integers as signed or unsigned depends on the values
        found = [one.astype({name: np.uint64}) for one in found]
    sums = pd.concat(found).groupby(name, sort=False).sum().reset_index()
    return sums[sums[f"{name}_size"] >= least]


def vocabulary_path(folder: Path, name: str) -> Path:
    """Where NVTabular writes a column's vocabulary, below the workflow's folder."""
    return folder / "categories" / f"unique.{safe_name(name)}.parquet"


def write_vocabulary(path: Path, name: str, values: pa.Array, sizes: Any) -> None:
    """Write values in code order and their counts, in the format that ``Categorify`` reads."""
    plain = values.to_pandas() if len(values) else np.empty(0, object)
    vocabulary = pd.DataFrame({name: plain, f"{name}_size": np.asarray(sizes, np.int64)})
    vocabulary.index = pd.RangeIndex(FIRST_KNOWN, FIRST_KNOWN + len(vocabulary))
    vocabulary.to_parquet(path, compression=None)


def is_list(column: pd.Series) -> bool:
    """Whether a column holds lists, judged by its first row as NVTabular does."""
    return len(column) > 0 and pd.api.types.is_list_like(column.iloc[0])


def flattened(column: pd.Series) -> tuple[pd.Series, np.ndarray | None]:
    """A column's single values, and how many of them each row holds (None: one each)."""
    if not is_list(column):
        return column, None
    lengths = np.fromiter((len(values) for values in column), np.int64, len(column))
    values = list(itertools.chain.from_iterable(column))
    return pd.Series(values, dtype=object), lengths


def nested(codes: np.ndarray, lengths: np.ndarray) -> pd.Series:
    """Split consecutive codes into lists of these lengths."""
    rows = np.empty(len(lengths), object)
    ends = np.cumsum(lengths)
    for row, (end, length) in enumerate(zip(ends, lengths, strict=True)):
        rows[row] = codes[end - length : end]
    return pd.Series(rows)


def _countable(df: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """The same columns as NVTabular counts them right: no nulls in lists, no NULs in texts."""
    df = df.copy(deep=False)
    for name in names:
        flat, lengths = flattened(df[name])
        has_nulls = lengths is not None and flat.isna().any()
        if not (has_nulls or have_nuls(flat)):
            continue
        if lengths is None:
            df[name] = flat.map(without_nuls, na_action="ignore")
            continue
        rows = np.empty(len(df), object)
        for row, values in enumerate(df[name]):
            rows[row] = [without_nuls(value) for value in values if not pd.isna(value)]
        df[name] = rows
    return df
