"""The data sets: each a recipe that names its columns and its split, and nothing else."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from stages.artifacts import downloads
from stages.errors import ShortlistError

LAST = {"kind": "leave-last-out"}
RANDOM = {"kind": "random", "test": 0.2}


@dataclass(frozen=True)
class DataSet:
    """``source``, ``columns`` and ``split``: tables of the recipe. ``k``: depth of the figures.

    ``published``: the best published (NDCG@k, HR@k or recall@k), and where.
    """

    source: Callable[[Path], dict[str, Any]]
    columns: dict[str, str]
    split: dict[str, Any]
    k: int = 10
    published: dict[str, Any] = field(default_factory=dict)

    def recipe(self, name: str, folder: Path) -> dict[str, Any]:
        """The tables of the recipe; files that the source needs are written to ``folder``."""
        return {
            "name": f"defaults-{name}",
            "source": self.source(folder),
            "columns": self.columns,
            "split": self.split,
            "evaluation": {"k": [self.k]},
        }


def _kind(name: str) -> Callable[[Path], dict[str, Any]]:
    return lambda folder: {"kind": name}


def _amazon(name: str) -> Callable[[Path], dict[str, Any]]:
    """A review set as prepared for S3-Rec (CIKM 2020): a line a user, its items in the order of time."""

    def source(folder: Path) -> dict[str, Any]:
        path = _given(f"amazon/{name}.txt", "github.com/RUCAIBox/CIKM2020-S3Rec, folder data")
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        users = [user for user, *items in lines for _ in items]
        items = [item for _, *items in lines for item in items]
        places = [place for _, *items in lines for place in range(len(items))]
        table = pl.DataFrame({"user": users, "item": items, "time": places})
        return _written(table, folder / f"{name}.parquet")

    return source


def synthetic(rows: int, users: int, items: int) -> Callable[[Path], dict[str, Any]]:
    """Interactions of made-up users who each like three of 500 groups of items; for time and memory only."""

    def source(folder: Path) -> dict[str, Any]:
        random = np.random.default_rng(0)
        activity = random.pareto(1.2, users) + 0.3
        who = random.choice(users, rows, p=activity / activity.sum())
        tastes = random.integers(0, 500, (users, 3))
        group = tastes[who, random.integers(0, 3, rows)]
        popularity = 1 / np.arange(1, items + 1) ** 0.9
        members = np.argsort(random.integers(0, 500, items), kind="stable")
        # Group g has the items at the positions g, g + 500, ... of ``members``, the first ones most often.
        place = np.floor((items // 500) * random.random(rows) ** 3).astype(np.int64)
        what = members[np.minimum(place * 500 + group, items - 1)]
        anything = random.random(rows) < 0.25
        what[anything] = random.choice(items, int(anything.sum()), p=popularity / popularity.sum())
        when = np.sort(random.integers(0, 180 * 86_400, rows)) + 1_700_000_000
        table = pl.DataFrame({"user": who, "item": what, "time": when})
        return _written(table, folder / f"synthetic-{rows}.parquet")

    return source


def _given(path: str, origin: str) -> Path:
    for folder in _folders():
        if (folder / path).exists():
            return folder / path
    raise ShortlistError(
        f"expected {path} in the folder that SHORTLIST_DATA names, found none. Get it from {origin}."
    )


def _folders() -> Iterator[Path]:
    if "SHORTLIST_DATA" in os.environ:
        yield Path(os.environ["SHORTLIST_DATA"])
    yield downloads()


def _written(table: pl.DataFrame, path: Path) -> dict[str, Any]:
    table.write_parquet(path)
    return {"kind": "files", "interactions": str(path)}


PLAIN = {"user": "user", "item": "item"}
TIMED = PLAIN | {"timestamp": "time"}
IDS = {"user": "user_id", "item": "item_id"}
ESASREC = "blondered/transformer_benchmark (eSASRec, RecSys 2025)"
SETS = {
    "beauty": DataSet(
        _amazon("Beauty"), TIMED, LAST, published={"ndcg": 0.0531, "hr": 0.0928, "by": ESASREC}
    ),
    "sports": DataSet(
        _amazon("Sports_and_Outdoors"),
        TIMED,
        LAST,
        published={"ndcg": 0.0323, "hr": 0.0569, "by": ESASREC},
    ),
    "movielens-last": DataSet(_kind("movielens-100k"), IDS | {"timestamp": "timestamp"}, LAST),
    "movielens-stratified": DataSet(
        _kind("movielens-100k"),
        IDS | {"timestamp": "timestamp"},
        {"kind": "stratified", "by": "item", "test": 0.25, "seed": 42},
    ),
    "lastfm": DataSet(_kind("lastfm-2k"), IDS, RANDOM),
    "anime": DataSet(_kind("anime"), IDS, RANDOM),
    "gowalla": DataSet(
        _kind("gowalla"),
        IDS,
        {"kind": "given", "column": "held_out", "by": "user"},
        k=20,
        published={"ndcg": 0.1616, "recall": 0.1941, "by": "ChebyCF (SIGIR 2025)"},
    ),
    "synthetic-1e6": DataSet(synthetic(1_000_000, 100_000, 100_000), TIMED, LAST),
    "synthetic-1e7": DataSet(synthetic(10_000_000, 500_000, 300_000), TIMED, LAST),
}
#: What runs unless sets are named: real data.
USUAL = [name for name in SETS if not name.startswith("synthetic")]
