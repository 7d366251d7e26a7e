"""The evaluation figures that a release carries in its manifest."""

import math
from collections.abc import Mapping
from typing import Any

from recipes.schema.recipe import Recipe

Figures = dict[str, float]
#: Every other figure is better when it is greater.
ERRORS = {"rmse", "mae", "log_loss"}
#: What a report (evaluation/) calls the system that is served, in the tables of its protocols.
SERVED = ("funnel, as served", "ranker, as served", "funnel")


def figures(manifest: Mapping[str, Any]) -> Figures:
    """The figures of what is served, by name (``ndcg@10``, ``rmse``, …); none without a report.

    Metrics over the whole catalogue go before those of a protocol with the same name.
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
    """What the recipe is after: the error of its ratings, the AUC of its clicks, or else NDCG@k."""
    protocols = recipe.evaluation.protocols
    if "rating-error" in protocols:
        return "rmse"
    if "click-prediction" in protocols:
        return "auc"
    return f"ndcg@{recipe.evaluation.k[0]}"


def loss(name: str, before: float, after: float) -> float:
    """By what share a figure got worse; 0 where it did not."""
    worse = after - before if name in ERRORS else before - after
    if worse <= 0:
        return 0.0
    return worse / abs(before) if before else math.inf
