"""A recipe with other settings, trained and evaluated in a folder next to the recipe's own artifacts."""

from pathlib import Path
from typing import Any

from ensemble.in_process import served_in_process
from evaluation.evaluate import evaluate
from evaluation.report import read_report
from models.train import train
from recipes.load import with_settings
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts


def beside(artifacts: Artifacts, name: str) -> Artifacts:
    """A separate folder for models and report that shares the raw and prepared data."""
    other = Artifacts(artifacts.root.with_name(f"{artifacts.root.name}-{name}"))
    other.root.mkdir(exist_ok=True)
    for folder in (artifacts.raw.root, artifacts.prepared.root):
        link = Path(other.root / folder.name)
        if not link.exists():
            link.symlink_to(folder.resolve())
    return other


def report_of(recipe: Recipe, artifacts: Artifacts) -> dict[str, Any]:
    """Train and evaluate unless up to date; returns the content of the report."""
    train(recipe, artifacts, force=False)
    evaluate(recipe, artifacts, served_in_process, baselines="none")
    return read_report(artifacts.report)


def seeded(recipe: Recipe, seed: int) -> Recipe:
    """The recipe with another seed for the models that it trains; the split stays."""
    # A joint training has one seed.
    trained = {"retriever": recipe.retrieves, "ranker": recipe.ranks and recipe.joint is None}
    return with_settings(
        recipe, {f"{stage}.seed": seed for stage, is_on in trained.items() if is_on}
    )


def report_of_seed(recipe: Recipe, artifacts: Artifacts, seed: int) -> dict[str, Any]:
    """``report_of`` another seed; only that of the recipe's own seed is in the recipe's own artifacts."""
    other = seeded(recipe, seed)
    return report_of(other, artifacts if other == recipe else beside(artifacts, f"seed-{seed}"))
