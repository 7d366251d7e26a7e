"""One model for two tasks beside two models for one each: the recipe anime, all of the same size.

Trains the recipe three times with other loss weights and nothing else changed: both heads, retrieval
alone, ratings alone. Prints a table to stderr and one JSON line: RMSE of the served ratings on the test
part, and NDCG@10 and recall@10 of retrieval over the whole catalogue; ``rmse_vs_single`` and
``ndcg_vs_single`` are the joint model's figure over the single-task model's.
"""

import json
import sys
from pathlib import Path
from typing import Any

from evaluation.evaluate import evaluate
from evaluation.report import read_report
from models.train import train
from recipes.artifacts import Artifacts
from recipes.load import load
from recipes.recipe import Recipe
from sources.ingest import ingest
from workflows.prepare import prepare

RECIPE = "anime"
#: Retrieval weight and rating weight; None: as the recipe has them.
WEIGHTS: dict[str, tuple[float, float] | None] = {
    "joint": None,
    "retrieval alone": (1.0, 0.0),
    "ratings alone": (0.0, 1.0),
}


def main() -> int:
    recipe = load(RECIPE)
    artifacts = Artifacts.of(recipe.name)
    ingest(recipe, artifacts, None, _say)
    prepare(recipe, artifacts, force=False, say=_say)
    figures = {name: _figures(recipe, artifacts, weights) for name, weights in WEIGHTS.items()}
    for name, found in figures.items():
        _say(f"{name:<16}" + "  ".join(f"{key} {value:.4f}" for key, value in found.items()))
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
    """Train with other loss weights in a folder beside the recipe's own, and evaluate."""
    assert recipe.joint is not None
    if weights is not None:
        changed = {"retrieval_weight": weights[0], "rating_weight": weights[1]}
        recipe = recipe.model_copy(update={"joint": recipe.joint.model_copy(update=changed)})
        artifacts = _beside(artifacts, f"{weights[0]:g}-{weights[1]:g}")
    train(recipe, artifacts, force=False, say=_say)
    evaluate(recipe, artifacts, force=False, say=_say)
    report = read_report(artifacts.report)
    retrieval: dict[str, Any] = report["systems"]["retrieval"]
    rated = report["protocols"][0]["rows"]["funnel, as served"]
    wanted = {"rmse": rated["rmse"]}
    return wanted | {name: retrieval[name] for name in ("ndcg@10", "recall@10")}


def _beside(artifacts: Artifacts, name: str) -> Artifacts:
    """A folder of its own for models and report, with the same raw and prepared data."""
    other = Artifacts(artifacts.root.with_name(f"{artifacts.root.name}-{name}"))
    other.root.mkdir(exist_ok=True)
    for folder in (artifacts.raw.root, artifacts.prepared.root):
        link = Path(other.root / folder.name)
        if not link.exists():
            link.symlink_to(folder.resolve())
    return other


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
