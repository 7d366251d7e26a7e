"""Combines several features of a row into one value, which is then encoded like any other."""

from collections.abc import Sequence
from typing import Any

import merlin.dtypes as md
import numpy as np
import pandas as pd
from merlin.schema import ColumnSchema, Schema
from nvtabular.ops import Operator

from runtime.features.codes import combination


class Combine(Operator):
    """Columns of codes -> a column ``name`` of strings, one for each combination.

    ``Categorify`` with ``encode_type="combo"`` combines raw values. Combining codes works for buckets and
    hashes too, and makes all rare values of a part one value.
    """

    def __init__(self, name: str, parts: Sequence[str]) -> None:
        super().__init__()
        self.name = name
        self.parts = list(parts)

    def transform(self, col_selector: Any, df: Any) -> Any:
        codes = [np.asarray(df[part].to_numpy()) for part in self.parts]
        frame = pd.DataFrame({self.name: combinations(codes)})
        return frame if isinstance(df, pd.DataFrame) else type(df).from_pandas(frame)

    def column_mapping(self, col_selector: Any) -> dict[str, list[str]]:
        return {self.name: self.parts}

    def compute_output_schema(
        self, input_schema: Schema, col_selector: Any, prev_output_schema: Schema | None = None
    ) -> Schema:
        return Schema([ColumnSchema(self.name, dtype=md.string, dims=(None,))])


def combinations(codes: Sequence[np.ndarray]) -> np.ndarray:
    """Spell each row's codes, int64 [rows] per part, as one value: object [rows], None if all are null."""
    places, *others = codes
    for more in others:
        places = pd.factorize(places * (int(more.max(initial=0)) + 1) + more)[0]
    _, first = np.unique(places, return_index=True)
    spelled = np.empty(len(first), object)
    for number, row in enumerate(first):
        spelled[number] = combination([int(each[row]) for each in codes])
    return spelled[places]
