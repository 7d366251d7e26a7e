"""Compare the server's encoding of raw tables with what the workflow wrote."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from runtime.features.categorical import Categorical
from runtime.features.encoding import Encoder, Encoding
from stages.artifacts import Artifacts
from stages.columns import RAW_ID


def as_trained(encoder: Encoder, column: pd.Series) -> np.ndarray:
    """Return what the workflow wrote, with lists padded as the server pads them."""
    if not (isinstance(encoder, Categorical) and encoder.max_length is not None):
        return column.to_numpy()
    padded = np.zeros((len(column), encoder.max_length), np.int64)
    for row, codes in zip(padded, column, strict=True):
        row[: len(codes)] = codes
    return padded


def raw_values(path: Path, key: str, ids: Sequence[str]) -> dict[str, list[Any]]:
    """Return a raw table's columns as Python values, in the order of ``ids``; None for an absent id."""
    rows = {str(row[key]): row for row in pq.read_table(path).to_pylist()}
    found = {
        name: [rows.get(one, {}).get(name) for one in ids] for name in pq.read_schema(path).names
    }
    return found | {key: list(ids)}


def assert_equal(encoder: Encoder, raw: Mapping[str, list[Any]], encoded: pd.Series) -> None:
    """Compare to the last bit, from raw columns by name."""
    served = encoder.encode(*(raw[name] for name in encoder.columns))
    trained = as_trained(encoder, encoded)
    assert served.dtype == trained.dtype
    np.testing.assert_array_equal(served, trained, err_msg=encoder.name)


def assert_served_as_prepared(artifacts: Artifacts) -> None:
    """Compare every user and item, from raw columns and counts."""
    prepared, encoding = artifacts.prepared, Encoding.load(artifacts.prepared.encoding)
    for path, raw, counts, encoder, features in (
        (
            prepared.users,
            artifacts.raw.users,
            prepared.counts("user"),
            encoding.user,
            encoding.user_features,
        ),
        (
            prepared.items,
            artifacts.raw.items,
            prepared.counts("item"),
            encoding.item,
            encoding.item_features,
        ),
    ):
        table = pd.read_parquet(path)
        ids = table[RAW_ID].tolist()
        values = raw_values(raw, encoder.name, ids)
        if counts.exists():
            values |= raw_values(counts, encoder.name, ids)
        for each in (encoder, *features):
            assert_equal(each, values, table[each.name])
