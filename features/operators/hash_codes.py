"""Categories without a vocabulary: the code of a value is its hash."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from features.operators.categorify import flattened, nested
from features.operators.code_operator import CodeOperator
from features.operators.nuls import have_nuls, with_nuls, without_nuls
from features.value_lookup import Lookup
from features.value_types import value_type
from runtime.features.codes import FIRST_KNOWN, NULL, hashed_code
from runtime.features.spelling import spell


class HashCodes(CodeOperator):
    """Null gets code 1, a value 3 + its hash modulo the bins (``runtime.features.codes.hashed_code``).

    NVTabular's ``HashBucket`` uses pandas' hash on a CPU and another one on a GPU, and begins at 0.

    ``columns``: by column, the number of bins and the name of the domain.
    """

    def __init__(self, columns: dict[str, tuple[int, str]]) -> None:
        super().__init__()
        self.columns = columns

    def transform(self, col_selector: Any, df: Any) -> Any:
        encoded = {}
        for name in col_selector.names:
            values, lengths = flattened(_on_host(df[name]))
            if nuls := have_nuls(values):
                values = values.map(without_nuls, na_action="ignore")
            places, distinct = pd.factorize(values)  # a null is at -1
            given = map(with_nuls, distinct) if nuls else distinct
            spelled = (spell(value, _kind(value)) for value in given)
            codes = _codes(spelled, self.columns[name][0])[places + 1]
            encoded[name] = codes if lengths is None else nested(codes, lengths)
        frame = pd.DataFrame(encoded)
        return frame if isinstance(df, pd.DataFrame) else type(df).from_pandas(frame)

    def domain(self, name: str) -> tuple[int, str]:
        bins, domain = self.columns[name]
        return FIRST_KNOWN + bins, domain


def hash_codes(values: pl.Series, bins: int) -> pl.Series:
    """Codes int64 [rows] of categorical values [rows], the same as those of ``HashCodes``."""
    distinct = values.drop_nulls().unique()
    kind = value_type(values.dtype)
    codes = _codes((spell(value, kind) for value in distinct.to_list()), bins)
    places = Lookup(distinct, first=1)(values)
    return pl.Series(values.name, codes[places.to_numpy()])


def _codes(spelled: Iterable[str], bins: int) -> np.ndarray:
    """The code of null, followed by those of the values."""
    return np.array([NULL, *(hashed_code(value, bins) for value in spelled)], np.int64)


def _kind(value: Any) -> str:
    """The value type of a column, judged by one of its values (``workflows.tables.Tables.value_types``)."""
    if isinstance(value, bool | np.bool_):
        return "boolean"
    if isinstance(value, int | np.integer):
        return "integer"
    return "float" if isinstance(value, float | np.floating) else "string"


def _on_host(column: Any) -> pd.Series:
    if isinstance(column, pd.Series):
        return column
    return pd.Series(column.to_arrow().to_pylist(), dtype=object)
