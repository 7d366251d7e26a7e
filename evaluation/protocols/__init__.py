"""Further evaluation protocols, such as those of published systems: one file each.

A protocol's module has ``measure(recipe, artifacts, data, plan) -> list[Table]``; ``plan`` is the whole
funnel as served, with the training part in its feature store.
"""

import importlib
from dataclasses import dataclass

from models.prepared import PreparedData
from recipes.schema.recipe import Recipe
from runtime.plan import Plan
from stages.artifacts import Artifacts

MODULES = {
    "sampled-negatives": "evaluation.protocols.sampled_negatives",
    "top-k-accuracy": "evaluation.protocols.top_k_accuracy",
    "rating-error": "evaluation.protocols.rating_error",
    "click-prediction": "evaluation.protocols.click_prediction",
}


@dataclass(frozen=True)
class Table:
    """``rows``: figures by system and column; a system may lack some."""

    title: str
    columns: tuple[str, ...]
    rows: dict[str, dict[str, float]]


def measure(
    name: str,
    recipe: Recipe,
    artifacts: Artifacts,
    data: PreparedData,
    plan: Plan,
) -> list[Table]:
    """Return the tables of the protocol called ``name``."""
    module = importlib.import_module(MODULES[name])
    tables: list[Table] = module.measure(recipe, artifacts, data, plan)
    return tables
