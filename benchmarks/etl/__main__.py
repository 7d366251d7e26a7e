"""Data preparation, measured: NVTabular and hand-written Polars against ours, taking turns in one run.

    python -m benchmarks.etl [--rows 4000000] [--large 40000000] [--rounds 3]

``flat``: fit and encode 16 categories of one Parquet file, and write them to Parquet again. ``joined``:
interactions, users and items, with a filter and each user's last 20 items; here ours, and NVTabular as our
engine ``dask`` uses it, do all that ``shortlist prepare`` does (the split, the raw rows, the served
encoding), hand-written Polars writes only the rows, and stock NVTabular the rows without the last items.
``benchmarks.etl.contenders`` has each contender, ``benchmarks.etl.tables`` the tables. Every contender runs
in its own process, with a warm page cache; seconds are medians over the rounds and exclude imports. Then
one request's 16 columns are encoded by the server's own look-ups and by the NVTabular workflow. Finally,
ours and the engine ``dask``, in one process and on two workers, run with ``--large`` rows.

Prints a table to stderr and one JSON line. ``vs_stock`` and ``joined_vs_stock``: stock's seconds divided by
ours, flat and joined; ``vs_polars``: ours divided by Polars', flat; ``peak_gb_40m``: ours, the larger of both
forms with ``--large`` rows.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.console import say
from benchmarks.etl import tables
from benchmarks.etl.contenders import CONTENDERS
from benchmarks.process_group import resident_mb

ONE, SHARED = "nvtabular, joined", "nvtabular on two workers, joined"
OURS = ("ours, flat", "ours, joined")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=4_000_000, help="rows for all contenders")
    parser.add_argument("--large", type=int, default=40_000_000, help="rows for ours and dask only")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each contender")
    parser.add_argument("--folder", type=Path, help="where to write the synthetic tables")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        small, large = Path(folder) / "small", Path(folder) / "large"
        tables.write(given.rows, small)
        found: dict[str, list[dict[str, float]]] = {
            name: [] for name in CONTENDERS if name != SHARED
        }
        for _ in range(given.rounds):
            for name, turns in found.items():
                turns.append(_measured(name, small))
        medians = {name: _median(turns) for name, turns in found.items()}
        encoding = _measured("one request", small)
        tables.write(given.large, large)
        alone = {name: _measured(name, large) for name in (*OURS, ONE, SHARED)}
    result = _result(given.rows, given.large, medians, alone)
    say(
        f"one request's columns: {encoding['ours_ms']:.3f} ms, through the NVTabular workflow "
        f"{encoding['nvtabular_ms']:.1f} ms, equal codes"
    )
    print(json.dumps({**result, "request": encoding}))
    return 0


def _measured(name: str, folder: Path) -> dict[str, Any]:
    """The contender's results, and the peak memory of all its processes together, in GB."""
    command = [sys.executable, "-m", "benchmarks.etl.contenders", name, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, resident_mb(process.pid))
        time.sleep(0.2)
    assert process.stdout is not None
    if process.returncode:
        raise SystemExit(f"expected '{name}' to succeed, got status {process.returncode}")
    found = json.loads(process.stdout.read())
    if "seconds" in found:
        say(f"{name:<34}{found['seconds']:>8.1f} s{found['cpu']:>8.1f} CPU s{peak / 1e3:>8.2f} GB")
    return {**found, "peak_gb": round(peak / 1e3, 2)}


def _median(turns: list[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(turn[key] for turn in turns) for key in turns[0]}


def _result(
    rows: int,
    large: int,
    medians: dict[str, dict[str, float]],
    alone: dict[str, dict[str, float]],
) -> dict[str, Any]:
    seconds = {name: round(each["seconds"], 2) for name, each in medians.items()}
    flat, joined = seconds["ours, flat"], seconds["ours, joined"]
    return {
        "benchmark": "etl",
        "vs_stock": round(seconds["stock, flat"] / flat, 2),
        "vs_polars": round(flat / seconds["polars by hand, flat"], 2),
        "rows_per_s": round(rows / flat),
        "peak_gb_40m": max(alone[name]["peak_gb"] for name in OURS),
        "joined_vs_stock": round(seconds["stock, joined"] / joined, 2),
        "joined_vs_nvtabular": round(seconds[ONE] / joined, 2),
        "joined_vs_polars": round(joined / seconds["polars by hand, joined"], 2),
        "two_workers_vs_one": round(alone[ONE]["seconds"] / alone[SHARED]["seconds"], 2),
        "rows": rows,
        "seconds": seconds,
        "cpu_seconds": {name: round(each["cpu"], 1) for name, each in medians.items()},
        "peak_gb": {name: each["peak_gb"] for name, each in medians.items()},
        "large": {
            "rows": large,
            **{
                name: {
                    "rows_per_s": round(large / each["seconds"]),
                    "peak_gb": each["peak_gb"],
                    "seconds": round(each["seconds"], 1),
                }
                for name, each in alone.items()
            },
        },
    }


if __name__ == "__main__":
    sys.exit(main())
