"""Synthetic tables for ``benchmarks.etl``: 16 categories whose values follow Zipf's law.

Written in two forms with the same rows: flat, one Parquet file with every column; and as a recipe has
them, interactions, users and items.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq

from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts

#: The maximum number of values of each feature, roughly as in Ali-CCP.
USER = (97, 13, 2, 7, 3, 3, 2, 4)
ITEM = (6_000, 20_000, 50_000, 50, 8, 300)
USER_FEATURES = [f"user_{number}" for number in range(len(USER))]
ITEM_FEATURES = [f"item_{number}" for number in range(len(ITEM))]
COLUMNS = ["user", "item", *USER_FEATURES, *ITEM_FEATURES]
HISTORY = 20
_CHUNK = 2_000_000


def flat(folder: Path) -> Path:
    """The file with all columns."""
    return folder / "flat.parquet"


def artifacts(folder: Path) -> Artifacts:
    """Artifacts whose raw tables hold the same rows."""
    return Artifacts(folder / "etl")


def recipe() -> Recipe:
    """A recipe with a history, a filter, and the features of both tables."""
    category = {"kind": "categorical"}
    content = {
        "name": "etl",
        "source": {"kind": "parquet", "interactions": "interactions.parquet"},
        "columns": {"user": "user", "item": "item", "timestamp": "at", "label": "stars"},
        "interactions": {"filter": "stars >= 2", "repeats": True, "history_length": HISTORY},
        "features": {
            "user": dict.fromkeys(USER_FEATURES, category),
            "item": dict.fromkeys(ITEM_FEATURES, category),
        },
        "split": {"kind": "random", "test": 0.1, "valid": 0.1},
    }
    return Recipe.model_validate(content)


def write(rows: int, folder: Path) -> None:
    """Write both forms under ``folder``; memory does not grow with ``rows``."""
    random = np.random.default_rng(42)
    raw = artifacts(folder).raw
    raw.root.mkdir(parents=True)
    users = _side(
        random, "user", max(rows // 20, 100), 37, dict(zip(USER_FEATURES, USER, strict=True))
    )
    items = _side(
        random, "item", max(rows // 100, 100), 1, dict(zip(ITEM_FEATURES, ITEM, strict=True))
    )
    users.write_parquet(raw.users)
    items.write_parquet(raw.items)
    writers: dict[Path, pq.ParquetWriter] = {}
    for chunk in _interactions(random, rows, users, items):
        whole = chunk.hstack(users[chunk["u"]]).hstack(items[chunk["i"]])
        for path, columns in (
            (raw.interactions, ["user", "item", "at", "stars"]),
            (flat(folder), COLUMNS),
        ):
            table = whole.select(columns).to_arrow()
            if path not in writers:
                writers[path] = pq.ParquetWriter(path, table.schema)
            writers[path].write_table(table, 250_000)
    for writer in writers.values():
        writer.close()


def _side(
    random: np.random.Generator, key: str, rows: int, apart: int, features: dict[str, int]
) -> pl.DataFrame:
    """Ids in random order, ``apart`` from each other, and features."""
    ids = (random.permutation(rows) + 1) * apart
    drawn = {name: _zipf(random, count, rows, 1.05) for name, count in features.items()}
    return pl.DataFrame({key: ids, **drawn})


def _interactions(
    random: np.random.Generator, rows: int, users: pl.DataFrame, items: pl.DataFrame
) -> Iterator[pl.DataFrame]:
    for begin in range(0, rows, _CHUNK):
        count = min(_CHUNK, rows - begin)
        yield pl.DataFrame(
            {
                "u": _zipf(random, len(users), count, 0.7),
                "i": _zipf(random, len(items), count, 1.0),
                "at": 1_700_000_000 + np.arange(begin, begin + count),
                "stars": random.integers(1, 6, count),
            }
        )


def _zipf(random: np.random.Generator, values: int, size: int, exponent: float) -> np.ndarray:
    """int64 [size] from 0 to values - 1; low values are the most frequent."""
    weights = np.cumsum(1 / np.arange(1, values + 1) ** exponent)
    return np.searchsorted(weights, random.random(size) * weights[-1]).astype(np.int64)
