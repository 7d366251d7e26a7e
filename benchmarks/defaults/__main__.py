"""Recipes that only name columns: the funnel against simple methods, with seconds and memory.

    python -m benchmarks.defaults [--sets beauty sports ...]

Each step runs as the command of its name in a process of its own. `train_s` is the time of `shortlist
train`; `peak_gb` the largest resident set of any step but the evaluation, whose simple methods are not part
of the product. Prints a JSON line for each data set and one for all to stdout, and a table to stderr.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from typing import Any

from benchmarks.console import say
from benchmarks.defaults.sets import SETS, USUAL
from evaluation.report import read_report
from recipes.editing import as_text
from stages.artifacts import Artifacts
from stages.errors import ShortlistError


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=USUAL, metavar="SET")
    parser.add_argument(
        "--baselines", choices=["none", "fast", "all"], default="all", help="(default: all)"
    )
    arguments = parser.parse_args()
    results = {}
    for name in arguments.sets:
        try:
            results[name] = measured(name, arguments.baselines)
        except ShortlistError as error:
            say(f"{name}: skipped: {error}")
            continue
        print(json.dumps({"benchmark": "defaults", "set": name, **results[name]}), flush=True)
    for name, found in results.items():
        say(
            f"{name:<22} funnel {found['ndcg']:.4f} / {found['hr']:.4f}   "
            f"{found['best_baseline'] or 'no simple method'} {found['best_baseline_ndcg']:.4f}   "
            f"{found['train_s']:.0f} s {found['peak_gb']:.1f} GB"
        )
    print(json.dumps({"benchmark": "defaults", "sets": results}))
    beaten = [name for name, found in results.items() if found["lead"] < 0]
    if beaten:
        say(f"a simple method is above the funnel on: {', '.join(beaten)}")
    return 0


def measured(name: str, baselines: str) -> dict[str, Any]:
    """Prepare, train, evaluate and export a set from scratch; figures of its report, seconds and memory."""
    chosen = SETS[name]
    artifacts = Artifacts.of(f"defaults-{name}")
    artifacts.root.mkdir(parents=True, exist_ok=True)
    path = artifacts.root / "recipe.toml"
    path.write_text(as_text(chosen.recipe(name, artifacts.root)), encoding="utf-8")
    seconds, peaks = {}, {}
    for command in (
        ["prepare"],
        ["train"],
        ["evaluate", "--baselines", baselines],
        ["export"],
    ):
        say(f"{name}: {command[0]}")
        seconds[command[0]], peaks[command[0]] = _run([*command, str(path), "--force"])
    report = read_report(artifacts.report)
    metric = f"@{chosen.k}"
    systems, leads = report["systems"], report["baselines"]["leads"]
    best = min(leads, key=lambda each: leads[each]["difference"]) if leads else None
    return {
        "ndcg": round(systems["funnel"][f"ndcg{metric}"], 4),
        "hr": round(systems["funnel"][f"recall{metric}"], 4),
        "best_baseline": best,
        "best_baseline_ndcg": round(systems[best][f"ndcg{metric}"], 4) if best else 0.0,
        "lead": round(leads[best]["difference"], 4) if best else 0.0,
        "lead_se": leads[best]["standard_error"] and round(leads[best]["standard_error"], 4)
        if best
        else None,
        "systems": {
            system: round(figures[f"ndcg{metric}"], 4) for system, figures in systems.items()
        },
        "published": chosen.published,
        "train_s": round(seconds["train"], 1),
        "seconds": {step: round(each, 1) for step, each in seconds.items()},
        "peak_gb": max(peak for step, peak in peaks.items() if step != "evaluate"),
    }


def _run(command: list[str]) -> tuple[float, float]:
    """Seconds and peak memory in GB of a command, whose output goes to stderr."""
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "scripts.cli", *command], stdout=sys.stderr)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        code = os.waitstatus_to_exitcode(status)
        raise SystemExit(f"expected `shortlist {' '.join(command)}` to succeed, got status {code}")
    return time.monotonic() - began, round(usage.ru_maxrss / 1e6, 2)


if __name__ == "__main__":
    sys.exit(main())
