"""Variants of a recipe, stored beside the recipe's own artifacts."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.quality.__main__ import ABLATION, LEFT_OUT
from benchmarks.train.race import Reached, first
from benchmarks.variants import beside, seeded
from recipes.load import known_recipes, load, with_settings
from stages.artifacts import Artifacts
from stages.errors import ShortlistError


def test_settings_are_changed_and_checked_again() -> None:
    """Other settings stay; an invalid one is refused as in a recipe's file."""
    recipe = load("movielens-100k")
    other = with_settings(recipe, {"ranker.folds": 0, "retriever.seed": 7})
    assert (other.ranker.folds, other.retriever.seed) == (0, 7)
    assert other.ranker.model_copy(update={"folds": recipe.ranker.folds}) == recipe.ranker
    with pytest.raises(ShortlistError, match="learning_rate"):
        with_settings(recipe, {"ranker.learning_rate": -1.0})


@pytest.mark.parametrize("name", known_recipes())
def test_another_seed_is_for_every_model_that_a_recipe_trains(name: str) -> None:
    """The split stays as it is, and the recipe's own seed gives the recipe itself."""
    recipe = load(name)
    other = seeded(recipe, 7)
    seeds = {other.retriever.seed} if recipe.retrieves else set()
    if recipe.ranks and recipe.joint is None:
        seeds.add(other.ranker.seed)
    assert (seeds, other.split) == ({7}, recipe.split)
    assert seeded(recipe, 42) == recipe


def test_every_ablation_is_a_recipe_that_goes_without_something() -> None:
    """Each differs from the full recipe, and each ranker feature that is left out was there."""
    recipe = load("movielens-100k")
    for settings in ABLATION.values():
        assert with_settings(recipe, settings) != recipe
    for parts in LEFT_OUT.values():
        assert any(part in number for number in recipe.ranker.features for part in parts)


def test_variants_share_raw_and_prepared_data(tmp_path: Path) -> None:
    """Each has its own folder for models; prepared data are the same files."""
    artifacts = Artifacts(tmp_path / "films")
    for folder in (artifacts.raw.root, artifacts.prepared.root):
        folder.mkdir(parents=True)
    np.save(artifacts.prepared.root / "x.npy", np.arange(3))
    other = beside(artifacts, "without-1")
    assert other.root == tmp_path / "films-without-1"
    assert np.load(other.prepared.root / "x.npy").tolist() == [0, 1, 2]
    assert not other.models.root.exists()
    assert beside(artifacts, "without-1") == other


def test_the_first_good_epoch_ends_a_race() -> None:
    """The first that is good enough, not the best; without one, the error says so."""
    epochs = [Reached(1.0, 0.1, 1), Reached(2.0, 0.3, 2), Reached(3.0, 0.4, 3)]
    assert first(epochs, 0.3).seconds == 2.0
    with pytest.raises(ValueError, match=r"0\.5000 after 3 epochs, got 0\.4000"):
        first(epochs, 0.5)
