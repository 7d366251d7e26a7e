"""Every recipe on its real data: its headline figures beside those that the pages quote.

    python -m benchmarks.recipes [--recipes songs anime] [--seeds 1 2 42]

Trains and evaluates each recipe with several model seeds; its data come from ``SHORTLIST_DATA``, or are
downloaded, and a recipe whose data are absent is skipped with the reason. ``figures.toml`` says which figures
the pages quote, and ``documented.py`` how far a measured mean may be from them.

Prints a table to stderr and JSON lines to stdout, the last of which has the means and deviations by recipe.
Ends with 1 if a figure differs by more than is allowed.
"""

import argparse
import json
import sys
import time
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.console import say
from benchmarks.recipes.documented import Documented, RecipeFigures, documented
from benchmarks.variants import report_of_seed
from evaluation.uncertainty import Spread
from recipes.load import load, with_settings
from sources.ingest import ingest
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from workflows.prepare import prepare

SEEDS = [1, 2, 42]

Measured = dict[Documented, Spread]


def main(given: list[str] | None = None) -> int:
    known = documented()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--recipes", nargs="+", choices=list(known), default=list(known))
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS, metavar="SEED")
    arguments = parser.parse_args(given)
    measured: Measured = {}
    skipped: dict[str, str] = {}
    for name in arguments.recipes:
        began = time.perf_counter()
        found = measure(name, known[name], arguments.seeds)
        if isinstance(found, str):
            say(f"{name}: skipped: {found}")
            skipped[name] = found
            continue
        say(f"{name}: {len(arguments.seeds)} seeds in {time.perf_counter() - began:.0f} s")
        for figure, spread in found.items():
            print(json.dumps(_line(figure, spread)), flush=True)
        measured |= found
    Console(stderr=True, width=120).print(_table(measured, arguments.seeds))
    print(json.dumps(summary(measured, skipped)))
    return 0 if all(figure.holds(spread) for figure, spread in measured.items()) else 1


def measure(name: str, wanted: RecipeFigures, seeds: list[int]) -> Measured | str:
    """Train and evaluate with each seed; the reason instead if the recipe's data are absent."""
    recipe = with_settings(load(name), wanted.settings)
    artifacts = Artifacts.of(recipe.name)
    try:
        ingest(recipe, artifacts, None)
    except ShortlistError as error:
        return str(error)
    prepare(recipe, artifacts, force=False)
    reports = []
    for seed in seeds:
        say(f"{name}: seed {seed}")
        reports.append(report_of_seed(recipe, artifacts, seed))
    return {figure: figure.over_seeds(reports) for figure in wanted.figures}


def summary(measured: Measured, skipped: dict[str, str]) -> dict[str, Any]:
    """The last line: mean and deviation by recipe and figure, and which figures do not hold."""
    recipes: dict[str, dict[str, list[float]]] = {}
    for figure, spread in measured.items():
        both = [round(spread.mean, 4), round(spread.deviation, 4)]
        recipes.setdefault(figure.recipe, {})[figure.name] = both
    differ = [
        f"{figure.recipe}: {figure.name}"
        for figure, spread in measured.items()
        if not figure.holds(spread)
    ]
    return {"benchmark": "recipes", "recipes": recipes, "skipped": skipped, "differ": differ}


def _line(figure: Documented, spread: Spread) -> dict[str, Any]:
    return {
        "recipe": figure.recipe,
        "figure": figure.name,
        "measured": round(spread.mean, 4),
        "deviation": round(spread.deviation, 4),
        "seeds": spread.seeds,
        "documented": figure.mean,
        "allowed": round(figure.allowed, 4),
        "holds": figure.holds(spread),
        "pages": figure.pages,
    }


def _table(measured: Measured, seeds: list[int]) -> Table:
    table = Table(title=f"Seeds {', '.join(map(str, seeds))}: measured beside what the pages quote")
    for column in ("recipe", "figure"):
        table.add_column(column)
    for column in ("measured", "documented", "allowed difference", ""):
        table.add_column(column, justify="right")
    for figure, spread in measured.items():
        table.add_row(
            figure.recipe,
            figure.name,
            str(spread),
            figure.quoted,
            f"{figure.allowed:.4f}",
            "" if figure.holds(spread) else "differs",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
