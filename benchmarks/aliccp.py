"""The recipe aliccp at scale: seconds and peak memory of each step, each in its own process.

    python -m benchmarks.aliccp [--rows 4000000] [--catalogue 0]

The rows are those that ``shortlist prepare aliccp`` finds: the real files if given, otherwise synthetic rows
(whose clicks are random, so the quality metrics mean nothing). Prints a table to stderr and one JSON line;
``peak_gb`` is the largest resident set of the step's process.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from evaluation.report import read_report
from recipes.load import FOLDER
from stages.artifacts import Artifacts

STEPS = ("prepare", "train", "evaluate", "export")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=4_000_000, help="synthetic rows")
    parser.add_argument("--catalogue", type=int, default=0, help="synthetic items and users")
    arguments = parser.parse_args()
    rows, catalogue = arguments.rows, arguments.catalogue
    name = f"aliccp-{rows}-{catalogue}" if catalogue else f"aliccp-{rows}"
    text = (FOLDER / "aliccp.toml").read_text(encoding="utf-8")
    for key, value in (
        ("name", f'"{name}"'),
        ("rows", str(rows)),
        ("catalogue", str(catalogue)),
    ):
        text, changed = re.subn(rf"^{key} = \S+", f"{key} = {value}", text, flags=re.MULTILINE)
        assert changed == 1, f"expected one line of {key} in recipes/aliccp.toml, got {changed}"
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder) / "recipe.toml"
        recipe.write_text(text, encoding="utf-8")
        for step in STEPS:
            measured[step] = _measured(step, recipe)
    report = read_report(Artifacts.of(name).report)
    for step, found in measured.items():
        print(f"{step:<10}{found['seconds']:>8.1f} s{found['peak_gb']:>8.2f} GB", file=sys.stderr)
    clicks = report["protocols"][0]["rows"]["ranker, as served"]
    result = {
        "benchmark": "aliccp",
        "rows": rows,
        "catalogue": catalogue,
        "steps": measured,
        "peak_gb": max(found["peak_gb"] for found in measured.values()),
        "retrieval": report["systems"]["retrieval"],
        "popularity": report["systems"]["popularity"],
        "auc": clicks["auc"],
    }
    print(json.dumps(result))
    return 0


def _measured(step: str, recipe: Path) -> dict[str, float]:
    began = time.monotonic()
    command = [sys.executable, "-m", "scripts.cli", step, str(recipe), "--force"]
    if step == "evaluate":
        command += ["--baselines", "none"]
    process = subprocess.Popen(command, stdout=sys.stderr)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(
            f"expected {step} to succeed, got status {os.waitstatus_to_exitcode(status)}"
        )
    return {
        "seconds": round(time.monotonic() - began, 1),
        "peak_gb": round(usage.ru_maxrss / 1e6, 2),
    }


if __name__ == "__main__":
    sys.exit(main())
