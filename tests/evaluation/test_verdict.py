"""The funnel against simple methods: leads, and the sentence."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.verdict import Baselines, Lead, verdict
from recipes.load import known_recipes, load, with_settings
from recipes.schema.recipe import Recipe
from stages.errors import ShortlistError
from tests.models import shop

SYSTEMS = {"retrieval": {"ndcg@10": 0.4}, "funnel": {"ndcg@10": 0.5}}


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return shop.recipe(tmp_path)


def of(leads: Mapping[str, tuple[float, float | None]]) -> Baselines:
    found = {name: Lead(*lead) for name, lead in leads.items()}
    return Baselines("fast", "ndcg@10", found, {})


def sentence(recipe: Recipe, leads: Mapping[str, tuple[float, float | None]], **other: Any) -> str:
    return verdict(of(leads), recipe, other.get("systems", SYSTEMS), other.get("pairs", 50.0))


def test_a_lead_of_more_than_two_standard_errors_beats(recipe: Recipe) -> None:
    """The best method is the one that the funnel leads by least, whatever its error."""
    leads = {"popularity": (0.2, 0.002), "EASE": (0.0123, 0.0011), "iALS": (0.1, 0.2)}
    assert sentence(recipe, leads) == (
        "The funnel beats the best simple method, EASE, by 0.0123 NDCG@10 (± 0.0011)."
    )


def test_within_two_standard_errors_they_are_level(recipe: Recipe) -> None:
    """On both sides, with what to try."""
    higher = sentence(recipe, {"popularity": (0.2, 0.002), "EASE": (0.002, 0.001)})
    assert higher.startswith(
        "The funnel is level with the best simple method, EASE: it is higher by 0.0020 NDCG@10 "
        "(± 0.0010), which is within two standard errors. Try: "
    )
    lower = sentence(recipe, {"popularity": (0.2, 0.002), "EASE": (-0.001, 0.001)})
    assert "it is lower by 0.0010 NDCG@10" in lower
    same = sentence(recipe, {"popularity": (0.2, 0.002), "EASE": (0.0, 0.0)})
    assert same.startswith("The funnel is level with")


def test_a_funnel_that_is_beaten_says_what_to_try(recipe: Recipe) -> None:
    """The generator that finds what EASE finds, then a query that favours recent items, then a search."""
    found = sentence(recipe, {"popularity": (0.2, 0.002), "EASE": (-0.0236, 0.0011)})
    assert found == (
        "The funnel does not beat the best simple method, EASE: it is lower by 0.0236 NDCG@10 (± 0.0011). "
        'Try: serving.generators = ["two-tower", "linear"]; retriever.history_half_life = 2.0; '
        "`shortlist tune two-tastes`."
    )


def test_tips_fit_the_recipe_and_the_best_method(recipe: Recipe) -> None:
    """What the recipe has, or cannot have, is not named; iALS asks for its generator."""
    leads = {"popularity": (0.2, 0.002), "iALS": (-0.02, 0.001)}
    assert 'serving.generators = ["two-tower", "als", "linear"]' in sentence(recipe, leads)
    has = with_settings(
        recipe,
        {
            "serving.generators": ["two-tower", "als", "linear"],
            "retriever.history_half_life": 2.0,
        },
    )
    assert sentence(has, leads, pairs=4.25).endswith(
        "Try: `shortlist tune two-tastes`; more interactions (a user has 4.2), or features of users and "
        "items."
    )
    untimed = recipe.model_copy(
        update={"columns": recipe.columns.model_copy(update={"timestamp": None})}
    )
    assert "half_life" not in sentence(untimed, leads)


def test_a_ranker_that_loses_to_its_candidates_is_named_first(recipe: Recipe) -> None:
    """The candidates are in a better order before ranking than after it."""
    systems = {"retrieval": {"ndcg@10": 0.6}, "funnel": {"ndcg@10": 0.5}}
    leads = {"popularity": (0.2, 0.002), "EASE": (-0.02, 0.001)}
    found = sentence(recipe, leads, systems=systems)
    assert 'Try: ranker.loss = "listwise"; ranker.kind = "none", because' in found


def test_a_recipe_that_predicts_labels_is_not_judged_by_lists_alone() -> None:
    """Both train on single pairs: one could rank candidates, the other has no retriever."""
    leads = {"popularity": (0.2, 0.002), "EASE": (-0.02, 0.001)}
    assert "Try: a retriever and a ranker of its candidates" in sentence(load("ratings"), leads)
    assert "because this ranker learns from single pairs" in sentence(load("aliccp"), leads)


@pytest.mark.parametrize("name", known_recipes())
def test_every_setting_to_try_is_one_that_the_recipe_accepts(name: str) -> None:
    """For the recipes of the project: each tip of the form key = value gives a valid recipe."""
    recipe = load(name)
    leads = {"popularity": (0.2, 0.002), "EASE": (-0.02, 0.001)}
    found = sentence(recipe, leads)
    assert f"`shortlist tune {name}`" in found or found.count(";") == 2
    for tip in found.split("Try: ")[1].removesuffix(".").split("; "):
        key, sign, value = tip.partition(" = ")
        if sign and " " not in value.replace(", ", ","):
            try:
                with_settings(recipe, {key: json.loads(value)})
            except ShortlistError as error:
                raise AssertionError(tip) from error


def test_popularity_alone_is_not_called_the_best(recipe: Recipe) -> None:
    """With --baselines none."""
    assert sentence(recipe, {"popularity": (0.2, 0.002)}) == (
        "The funnel beats the only method measured, popularity, by 0.2000 NDCG@10 (± 0.0020)."
    )


def test_one_user_decides_nothing(recipe: Recipe) -> None:
    """There is no standard error."""
    found = sentence(recipe, {"popularity": (0.2, None), "EASE": (0.1, None)})
    assert (
        found == "One test user is too few to compare the funnel with the best simple method, EASE."
    )


def test_leads_are_paired_over_users() -> None:
    """Three users with one relevant item each: the funnel finds two at rank 1, the method one at rank 2."""
    relevant = [np.array([0]), np.array([1]), np.array([2])]
    funnel = np.array([[0, 5], [1, 5], [5, 6]])
    simple = np.array([[5, 0], [5, 6], [5, 6]])
    found = Baselines.compared("all", {"EASE": simple}, funnel, relevant, 2, {"iALS": "why"})
    differences = np.array([1 - 1 / np.log2(3), 1.0, 0.0])
    lead = found.leads["EASE"]
    assert (found.level, found.metric, found.skipped) == ("all", "ndcg@2", {"iALS": "why"})
    assert lead.difference == pytest.approx(differences.mean())
    assert lead.standard_error == pytest.approx(differences.std(ddof=1) / np.sqrt(3))
    one = Baselines.compared("all", {"EASE": simple[:1]}, funnel[:1], relevant[:1], 2, {})
    assert one.leads["EASE"].standard_error is None
