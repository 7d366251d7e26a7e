"""Training, measured: stock Merlin Models against ours, taking turns in one run.

    python -m benchmarks.train [--rounds 5] [--races 3]

Rows per second of a two-tower model and a DLRM (``benchmarks.train.speed``), and seconds to the same recall
on the validation part (``benchmarks.train.race``); both modules state what the sides have in common. Results
are medians over rounds; every side runs once per round, so noise affects all equally.

Prints a table to stderr and one JSON line. Ratios are of speed or time, and higher is better for ours:
``two_tower_rows_vs_stock`` and ``dlrm_rows_vs_stock`` with stock's default metrics,
``two_tower_rows_vs_stock_without_metrics`` with none, ``time_to_quality_vs_stock`` to its last recall and
``time_to_best_vs_stock`` to its best.
"""

import argparse
import json
import statistics
import subprocess
import sys
from typing import Any

from benchmarks.console import say
from benchmarks.train.race import Race, first
from benchmarks.train.speed import runners
from models.prepared import PreparedData
from recipes.load import load
from stages.artifacts import Artifacts

SPEED, QUALITY = "aliccp", "movielens-100k"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=5, help="timed epochs per side")
    parser.add_argument("--races", type=int, default=3, help="races to the same recall")
    given = parser.parse_args()
    for recipe in (SPEED, QUALITY):
        _prepare(recipe)
    result = {"benchmark": "train", **_speeds(given.rounds), **_qualities(given.races)}
    print(json.dumps(result))
    return 0


def _speeds(rounds: int) -> dict[str, Any]:
    sides = runners(load(SPEED), PreparedData(Artifacts.of(SPEED).prepared))
    for _ in range(rounds):
        for side in sides:
            side.measure()
    speed = {side.name: side.rows_per_second for side in sides}
    for name, rows in speed.items():
        say(f"{name:<30}{rows:>12,.0f} rows/s")
    towers = speed["two-tower, ours"]
    return {
        "two_tower_rows_vs_stock": round(towers / speed["two-tower, stock"], 2),
        "two_tower_rows_vs_stock_without_metrics": round(
            towers / speed["two-tower, stock, no metrics"], 2
        ),
        "dlrm_rows_vs_stock": round(speed["DLRM, ours"] / speed["DLRM, stock"], 2),
        "rows_per_second": {name: round(rows) for name, rows in speed.items()},
    }


def _qualities(races: int) -> dict[str, Any]:
    race = Race(load(QUALITY), PreparedData(Artifacts.of(QUALITY).prepared))
    to_last, to_best, stock_seconds, our_seconds, recalls = [], [], [], [], []
    for _ in range(races):
        theirs = race.stock()
        best = max(theirs, key=lambda each: each.recall)
        ours = race.ours(best.recall)
        as_good = first(ours, theirs[-1].recall)
        to_last.append(theirs[-1].seconds / as_good.seconds)
        to_best.append(best.seconds / first(ours, best.recall).seconds)
        stock_seconds.append(theirs[-1].seconds)
        our_seconds.append(as_good.seconds)
        recalls.append((theirs[-1].recall, best.recall, as_good.recall))
        for name, epochs in (("stock", theirs), ("ours", ours)):
            say(f"{name:<8}" + ", ".join(f"{e.seconds:.1f} s: {e.recall:.4f}" for e in epochs))
    last, best_recall, our_recall = (statistics.median(each) for each in zip(*recalls, strict=True))
    return {
        "time_to_quality_vs_stock": round(statistics.median(to_last), 2),
        "time_to_best_vs_stock": round(statistics.median(to_best), 2),
        "stock_seconds": round(statistics.median(stock_seconds), 2),
        "our_seconds": round(statistics.median(our_seconds), 2),
        "stock_recall_at_10": round(last, 4),
        "stock_best_recall_at_10": round(best_recall, 4),
        "our_recall_at_10": round(our_recall, 4),
    }


def _prepare(recipe: str) -> None:
    """In a separate process: what it loads must not stay here. Its output belongs on stderr."""
    command = [sys.executable, "-m", "scripts.cli", "prepare", recipe, "--encoded-rows"]
    ended = subprocess.run(command, stdout=sys.stderr)
    if ended.returncode:
        raise SystemExit(f"expected prepare {recipe} to succeed, got status {ended.returncode}")


if __name__ == "__main__":
    sys.exit(main())
