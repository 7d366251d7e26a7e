"""Complete a recipe: what it writes stays, and rules decide the rest from facts of the data."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from recipes.load import with_settings
from recipes.resolution.facts import Facts
from recipes.resolution.rules import RULES, Decision
from recipes.schema.recipe import Recipe


@dataclass(frozen=True)
class Resolved:
    """``recipe``: the completed recipe. ``decisions``: what rules decided, by key such as ``ranker.loss``."""

    recipe: Recipe
    decisions: Mapping[str, Decision]


def resolve(recipe: Recipe, facts: Facts) -> Resolved:
    """Apply the rules in their order; each sees what those before it decided.

    A recipe that was resolved before writes every key that a rule decides, so it stays as it is.
    """
    decisions: dict[str, Decision] = {}
    for rule in RULES:
        for decision in rule(recipe, facts):
            if not is_written(recipe, decision.key):
                recipe = with_settings(recipe, {decision.key: decision.value})
                decisions[decision.key] = decision
    return Resolved(recipe, decisions)


def resolved(recipe: Recipe, facts: Path) -> Recipe:
    """The completed recipe, from the facts that ``prepare`` wrote; without them the recipe as it is."""
    return resolve(recipe, Facts.read(facts)).recipe if facts.exists() else recipe


def is_written(recipe: Recipe, key: str) -> bool:
    """Whether the recipe sets ``key``, such as ``ranker.loss``, if only to its default."""
    table, name = key.split(".")
    return table in recipe.model_fields_set and name in getattr(recipe, table).model_fields_set
