"""Tune each baseline's settings on hold-outs from the training part; the test part is never read.

For every setting of a small space: the mean NDCG@10 over three hold-outs, each a tenth of a recipe's parts
train and valid, stratified by item. (Holding out a quarter ranks the methods differently from the test part:
it removes too much training data.) Prints the best setting of each baseline to stderr and one JSON line. The
defaults in evaluation/baselines/ should be those found on movielens-100k.

Examples:
  python -m benchmarks.tune_baselines
  python -m benchmarks.tune_baselines --recipe movielens-100k --baselines EASE EDLAE
"""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from benchmarks.console import say
from evaluation.baselines import Baseline
from evaluation.baselines.lists import best_unseen
from evaluation.baselines.table import BASELINES
from metrics import ranking
from models.prepared import Interactions, PreparedData
from recipes.load import load
from sources.ingest import ingest
from stages.artifacts import Artifacts
from workflows.prepare import prepare
from workflows.splits import stratified_holdout

#: The values of each setting; every combination is tried.
SPACES: dict[str, dict[str, tuple[float | bool, ...]]] = {
    "ItemKNN": {
        "neighbours": (50, 100, 200, 400),
        "shrinkage": (0.0, 20.0, 50.0, 100.0),
        "unit_users": (False, True),
    },
    "EASE": {"penalty": (200.0, 300.0, 400.0, 500.0, 600.0, 800.0, 1000.0)},
    "EDLAE": {"dropout": (0.1, 0.2, 0.3, 0.5), "penalty": (100.0, 200.0, 300.0, 400.0)},
    # 192 dimensions and 30 iterations gained 0.0003 over the best of these, in twice the time.
    "iALS": {
        "dim": (64, 128),
        "penalty": (30.0, 40.0, 60.0),
        "confidence": (4.0, 6.0, 8.0),
        "iterations": (10, 20),
    },
    "BPR": {
        "dim": (64,),
        "learning_rate": (0.01, 0.02),
        "penalty": (0.02, 0.03, 0.05),
        "epochs": (100, 200),
        "correction": (0.0, 1.0),
    },
}
SEEDS = (1, 2, 3)
HELD_OUT, K = 0.1, 10


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tune_baselines",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--recipe", default="movielens-100k", help="a recipe's name or TOML file")
    parser.add_argument("--baselines", nargs="+", choices=list(SPACES), default=list(SPACES))
    arguments = parser.parse_args()
    recipe = load(arguments.recipe)
    artifacts = Artifacts.of(recipe.name)
    ingest(recipe, artifacts, None)
    prepare(recipe, artifacts, force=False)
    data = PreparedData(artifacts.prepared)
    training = data.interactions("train", "valid")
    best = {}
    for name in arguments.baselines:
        began = time.perf_counter()
        found = search(name, training, data.user_count, data.item_count)
        figure, settings = max(found, key=lambda tried: tried[0])
        best[name] = {"ndcg@10": round(figure, 4), "settings": asdict(settings)}  # type: ignore[call-overload]
        seconds = time.perf_counter() - began
        say(f"{name:<8} {figure:.4f} {settings}  ({len(found)} settings, {seconds:.0f} s)")
    print(json.dumps({"benchmark": "tune-baselines", "recipe": recipe.name, "best": best}))
    return 0


def search(
    name: str, training: Interactions, users: int, items: int
) -> list[tuple[float, Baseline]]:
    """Mean NDCG@10 over the hold-outs for each setting in the space of ``name``."""
    hold_outs = [hold_out(training, seed) for seed in SEEDS]
    return [
        (
            float(
                np.mean(
                    [
                        quality(baseline, kept, held, users, items, seed)
                        for seed, (kept, held) in zip(SEEDS, hold_outs, strict=True)
                    ]
                )
            ),
            baseline,
        )
        for baseline in _settings(BASELINES[name], SPACES[name])
    ]


def hold_out(training: Interactions, seed: int) -> tuple[Interactions, Interactions]:
    """The remainder of the training part, and the tenth held out from it."""
    held = stratified_holdout(training.items, HELD_OUT, seed)
    return (
        Interactions(training.users[~held], training.items[~held]),
        Interactions(training.users[held], training.items[held]),
    )


def quality(
    baseline: Baseline, kept: Interactions, held: Interactions, users: int, items: int, seed: int
) -> float:
    """NDCG@10 on the held-out interactions, over the users that have any."""
    wanted = held.by_user(users)
    asked = np.array([row for row, found in enumerate(wanted) if len(found)], np.int64)
    past = kept.by_user(users)
    hidden = [past[user] for user in asked]
    lists = best_unseen(baseline.fit(kept, users, items, seed), kept, items, asked, hidden, K)
    return float(ranking.ndcg(lists, [np.unique(wanted[row]) for row in asked], K).mean())


def _settings(baseline: Any, space: dict[str, tuple[float | bool, ...]]) -> Iterator[Baseline]:
    for values in itertools.product(*space.values()):
        yield replace(baseline, **dict(zip(space, values, strict=True)))


if __name__ == "__main__":
    sys.exit(main())
