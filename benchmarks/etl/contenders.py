"""The contenders of ``benchmarks.etl``, each run in its own process:

    python -m benchmarks.etl.contenders NAME FOLDER

``FOLDER`` holds the output of ``benchmarks.etl.tables``. Prints the seconds of the work as JSON, excluding
imports, which favours NVTabular.
"""

import json
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.etl import tables
from benchmarks.etl.tables import COLUMNS, HISTORY, ITEM_FEATURES, USER_FEATURES

if TYPE_CHECKING:
    import polars as pl

_BACK = range(HISTORY, 0, -1)
#: Parquet options of the contenders that write with Polars.
WRITTEN: dict[str, Any] = {"compression": "zstd", "compression_level": 1}


def stock_flat(folder: Path, out: Path) -> Callable[[], None]:
    """NVTabular as documented: Categorify, fit, transform, to_parquet."""
    import shims.without_tensorflow  # noqa: F401  isort: skip
    import nvtabular as nvt

    def work() -> None:
        workflow = nvt.Workflow(COLUMNS >> nvt.ops.Categorify(out_path=str(out / "categories")))
        data = nvt.Dataset(str(tables.flat(folder)), engine="parquet", part_size="128MB")
        workflow.fit(data)
        workflow.transform(data).to_parquet(output_path=str(out / "rows"))

    return work


def polars_flat(folder: Path, out: Path) -> Callable[[], None]:
    """By hand: count, sort, replace, all streamed."""
    import polars as pl

    def work() -> None:
        rows = pl.scan_parquet(tables.flat(folder))
        vocabularies = _vocabularies(rows, COLUMNS)
        rows.select(_coded(name, vocabularies[name]) for name in COLUMNS).sink_parquet(
            out / "rows.parquet", **WRITTEN
        )

    return work


def ours_flat(folder: Path, out: Path) -> Callable[[], None]:
    """The counting and encoding functions of the engine ``polars``, on the flat table."""
    import polars as pl

    from workflows.engines.polars_vocabularies import codes_of, counted

    def work() -> None:
        rows = pl.scan_parquet(tables.flat(folder))
        counts = [counted(rows, name, pl.len()) for name in COLUMNS]
        found = pl.collect_all(counts, engine="streaming")
        for name, vocabulary in zip(COLUMNS, found, strict=True):
            vocabulary.write_parquet(out / f"{name}.parquet")
        coded = [codes_of(each[name]).of(name) for name, each in zip(COLUMNS, found, strict=True)]
        rows.select(coded).sink_parquet(out / "rows.parquet", **WRITTEN)

    return work


def stock_joined(folder: Path, out: Path) -> Callable[[], None]:
    """NVTabular's own operators filter, join and encode; it has none for histories, so there are none."""
    import shims.without_tensorflow  # noqa: F401  isort: skip
    import nvtabular as nvt

    def work() -> None:
        raw = tables.artifacts(folder).raw
        rows = ["user", "item", "stars"] >> nvt.ops.Filter(lambda table: table[table["stars"] >= 2])
        for side, key in ((raw.users, "user"), (raw.items, "item")):
            rows = rows >> nvt.ops.JoinExternal(nvt.Dataset(str(side), engine="parquet"), on=key)
        encode = nvt.ops.Categorify(out_path=str(out / "categories"))
        workflow = nvt.Workflow(rows[COLUMNS] >> encode)
        data = nvt.Dataset(str(raw.interactions), engine="parquet", part_size="128MB")
        workflow.fit(data)
        workflow.transform(data).to_parquet(output_path=str(out / "rows"))

    return work


def polars_joined(folder: Path, out: Path) -> Callable[[], None]:
    """By hand: filter, join, count, encode each side, and list the last items before each row."""
    import polars as pl

    def work() -> None:
        raw = tables.artifacts(folder).raw
        rows = pl.scan_parquet(raw.interactions).filter(pl.col("stars") >= 2)
        users, items = pl.read_parquet(raw.users), pl.read_parquet(raw.items)
        joined = rows.join(users.lazy(), on="user").join(items.lazy(), on="item")
        vocabularies = _vocabularies(joined, COLUMNS)
        sides = [
            side.select(
                pl.col(key).alias(f"raw_{key}"), *(_coded(n, vocabularies[n]) for n in names)
            )
            for side, key, names in (
                (users, "user", ["user", *USER_FEATURES]),
                (items, "item", ["item", *ITEM_FEATURES]),
            )
        ]
        # sorted by user and time, the row ``back`` places above belongs to the same user or not
        same = [pl.col("raw_user").shift(back) == pl.col("raw_user") for back in _BACK]
        above = [pl.col("item").shift(back) for back in _BACK]
        before = [pl.when(is_own).then(item) for is_own, item in zip(same, above, strict=True)]
        (
            rows.rename({"user": "raw_user", "item": "raw_item"})
            .join(sides[1].lazy(), on="raw_item")
            .sort("raw_user", "at")
            .with_columns(history=pl.concat_list(before).list.drop_nulls())
            .join(sides[0].lazy(), on="raw_user")
            .drop("raw_user", "raw_item")
            .sink_parquet(out / "rows.parquet", **WRITTEN)
        )

    return work


def _vocabularies(rows: "pl.LazyFrame", names: list[str]) -> "dict[str, pl.Series]":
    import polars as pl

    counts = [
        rows.group_by(name).len().sort("len", name, descending=[True, False]) for name in names
    ]
    found = pl.collect_all(counts, engine="streaming")
    return {name: counted[name] for name, counted in zip(names, found, strict=True)}


def _coded(name: str, vocabulary: "pl.Series") -> "pl.Expr":
    import polars as pl

    codes = pl.int_range(3, 3 + len(vocabulary), eager=True)
    return pl.col(name).replace_strict(vocabulary, codes, default=2, return_dtype=pl.Int64)


def _prepare(engine: str, workers: int = 1) -> Callable[[Path, Path], Callable[[], None]]:
    def contender(folder: Path, out: Path) -> Callable[[], None]:
        """All of ``shortlist prepare`` after reading the sources."""
        import shims.without_tensorflow  # noqa: F401  isort: skip
        from stages.artifacts import Artifacts
        from workflows.engines import polars_engine as with_polars  # noqa: F401  untimed import
        from workflows.prepare import prepare

        there = Artifacts(out)
        there.raw.root.symlink_to(tables.artifacts(folder).raw.root.absolute())

        def work() -> None:
            prepare(
                tables.recipe(),
                there,
                force=True,
                engine=engine,  # type: ignore[arg-type]
                workers=workers,
                encoded_rows=True,  # as the others write them
            )

        return work

    return contender


CONTENDERS: dict[str, Callable[[Path, Path], Callable[[], None]]] = {
    "stock, flat": stock_flat,
    "polars by hand, flat": polars_flat,
    "ours, flat": ours_flat,
    "stock, joined": stock_joined,
    "nvtabular, joined": _prepare("dask"),
    "nvtabular on two workers, joined": _prepare("dask", workers=2),
    "polars by hand, joined": polars_joined,
    "ours, joined": _prepare("polars"),
}


def request(folder: Path, out: Path) -> dict[str, float]:
    """Milliseconds to encode one request's user and item, by the server's code and by NVTabular."""
    import shims.without_tensorflow  # noqa: F401  isort: skip
    import pandas as pd
    import polars as pl
    from nvtabular import Workflow

    from runtime.features.encoding import Encoding
    from stages.artifacts import Artifacts
    from stages.columns import PART, POSITIVE
    from workflows.engines.cluster import computing

    _prepare("polars")(folder, out)()
    prepared = Artifacts(out).prepared
    raw = tables.artifacts(folder).raw
    users = pl.read_parquet(raw.users, n_rows=200)
    items = pl.read_parquet(raw.items, n_rows=200)
    asked = [
        {**user, **item} for user, item in zip(users.to_dicts(), items.to_dicts(), strict=False)
    ]
    encoding = Encoding.load(prepared.encoding)
    encoders = [
        encoding.user,
        *encoding.user_features,
        encoding.item,
        *encoding.item_features,
    ]

    def ours(row: dict[str, int]) -> list[int]:
        return [int(each.encode([row[each.name]])[0]) for each in encoders]

    with computing(1, None):
        workflow = Workflow.load(prepared.workflow)

        def theirs(row: dict[str, int]) -> list[int]:
            others = {"at": 0, "stars": 1.0, POSITIVE: 1.0, PART: 0}
            encoded = workflow.transform(pd.DataFrame([{**row, **others}]))
            return [int(encoded[each.name].iloc[0]) for each in encoders]

        if [ours(row) for row in asked[:5]] != [theirs(row) for row in asked[:5]]:
            raise SystemExit(
                "expected equal codes from the server's look-ups and the workflow, got different ones"
            )
        return {"ours_ms": _milliseconds(ours, asked), "nvtabular_ms": _milliseconds(theirs, asked)}


def _milliseconds(encode: Callable[[dict[str, int]], list[int]], asked: list) -> float:
    """The median over the requests, in milliseconds."""
    taken = []
    for row in asked:
        began = time.perf_counter()
        encode(row)
        taken.append(time.perf_counter() - began)
    return round(1e3 * statistics.median(taken), 4)


def _cpu_seconds() -> float:
    """CPU time of this process and of its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    name, folder = sys.argv[1], Path(sys.argv[2])
    out = Path(tempfile.mkdtemp(dir=folder))
    try:
        if name == "one request":
            print(json.dumps(request(folder, out)))
            return
        work = CONTENDERS[name](folder, out)
        began, used = time.perf_counter(), _cpu_seconds()
        work()
        print(json.dumps({"seconds": time.perf_counter() - began, "cpu": _cpu_seconds() - used}))
    finally:
        shutil.rmtree(out)


if __name__ == "__main__":
    main()
