"""The evaluation figures that a release carries in its manifest."""

import math
from collections.abc import Mapping
from typing import Any

from recipes.schema.recipe import Recipe

Figures = dict[str, float]
#: Figures for which lower is better; for all others, higher is better.
ERRORS = {"rmse", "mae", "log_loss"}
#: The names of the served system in the protocol tables of a report (evaluation/).
SERVED = ("funnel, as served", "ranker, as served", "funnel")


def figures(manifest: Mapping[str, Any]) -> Figures:
    """The figures of the served system, by name (``ndcg@10``, ``rmse``, …); empty without a report.

    Metrics over the whole catalogue override those of a protocol with the same name.
    """
    report = manifest.get("evaluation")
    if not isinstance(report, dict):
        return {}
    found: Figures = dict(report.get("systems", {}).get("funnel", {}))
    for table in report.get("protocols", []):
        for system in SERVED:
            found = table["rows"].get(system, {}) | found
    return found


def main_figure(recipe: Recipe) -> str:
    """The figure that the recipe optimises: RMSE of ratings, AUC of clicks, or else NDCG@k."""
    protocols = recipe.evaluation.protocols
    if "rating-error" in protocols:
        return "rmse"
    if "click-prediction" in protocols:
        return "auc"
    return f"ndcg@{recipe.evaluation.k[0]}"


def loss(name: str, before: float, after: float) -> float:
    """The share by which a figure got worse; 0 if it did not."""
    worse = after - before if name in ERRORS else before - after
    if worse <= 0:
        return 0.0
    return worse / abs(before) if before else math.inf
