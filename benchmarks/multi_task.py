"""One model for two tasks against two single-task models of the same size, on the recipe anime.

Trains the recipe three times, changing only the loss weights: both heads, retrieval alone, ratings alone.
Prints a table to stderr and one JSON line: RMSE of the served ratings on the test part, and NDCG@10 and
recall@10 of retrieval over the whole catalogue; ``rmse_vs_single`` and ``ndcg_vs_single`` are the joint
model's value divided by the single-task model's.
"""

import json
import sys
from typing import Any

from benchmarks.console import say
from benchmarks.variants import beside, report_of
from recipes.load import load, with_settings
from recipes.schema.recipe import Recipe
from sources.ingest import ingest
from stages.artifacts import Artifacts
from workflows.prepare import prepare

RECIPE = "anime"
#: Retrieval weight and rating weight; None: the recipe's own.
WEIGHTS: dict[str, tuple[float, float] | None] = {
    "joint": None,
    "retrieval alone": (1.0, 0.0),
    "ratings alone": (0.0, 1.0),
}


def main() -> int:
    recipe = load(RECIPE)
    artifacts = Artifacts.of(recipe.name)
    ingest(recipe, artifacts, None)
    prepare(recipe, artifacts, force=False)
    figures = {name: _figures(recipe, artifacts, weights) for name, weights in WEIGHTS.items()}
    for name, found in figures.items():
        say(f"{name:<16}" + "  ".join(f"{key} {value:.4f}" for key, value in found.items()))
    joint = figures["joint"]
    result = {
        "benchmark": "multi-task",
        **{name.replace(" ", "_"): found for name, found in figures.items()},
        "rmse_vs_single": round(joint["rmse"] / figures["ratings alone"]["rmse"], 4),
        "ndcg_vs_single": round(joint["ndcg@10"] / figures["retrieval alone"]["ndcg@10"], 4),
    }
    print(json.dumps(result))
    return 0


def _figures(
    recipe: Recipe, artifacts: Artifacts, weights: tuple[float, float] | None
) -> dict[str, float]:
    """Train with other loss weights in a folder next to the recipe's own, and evaluate."""
    if weights is not None:
        recipe = with_settings(
            recipe, {"joint.retrieval_weight": weights[0], "joint.rating_weight": weights[1]}
        )
        artifacts = beside(artifacts, f"{weights[0]:g}-{weights[1]:g}")
    report = report_of(recipe, artifacts)
    retrieval: dict[str, Any] = report["systems"]["retrieval"]
    rated = report["protocols"][0]["rows"]["funnel, as served"]
    wanted = {"rmse": rated["rmse"]}
    return wanted | {name: retrieval[name] for name in ("ndcg@10", "recall@10")}


if __name__ == "__main__":
    sys.exit(main())
