"""What a search says of its best settings. Known figures take the place of training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from models.tuning import objective
from models.tuning.budget import Budget
from models.tuning.search import tune
from recipes.load import load, of_tables
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from stages.stamps import write_stamp
from tests.heard import heard

TEXT = """\
# Ours.
name = "shop"

[source]
kind = "files"
interactions = "orders.parquet"

[columns]
user = "customer"
item = "product"

[split]
kind = "random"

[ranker]
loss = "pointwise"  # the default

[tune]
trials = 4
seed = 47

[tune.space]
"ranker.loss" = { choices = ["pointwise", "listwise"] }
"ranker.blend" = { choices = [0.0, 0.5] }
"serving.generators" = { choices = [["two-tower"], ["two-tower", "als"]] }
"""
# With this seed the trials are: listwise with als, the best (listwise with the blend), the recipe as it is,
# and pointwise with als.
#: Of each of 50 users without any effect.
USERS = np.linspace(0.1, 0.3, 50)
#: What the listwise loss brings them: 0.1 on average, of which the standard error is 0.01.
SPREAD = np.where(np.arange(50) % 2, 0.17, 0.03)


class Known:
    """In place of a funnel: figures that depend on the settings, and what has been measured."""

    k = 10
    users = np.arange(50)
    measured: list[Recipe]
    unranked: Callable[[Recipe], float]

    def __init__(self, recipe: Recipe, data: object) -> None:
        pass

    def ndcg(self, recipe: Recipe, watch: object, unranked: Callable[[float], None]) -> np.ndarray:
        type(self).measured.append(recipe)
        unranked(type(self).unranked(recipe))
        listwise = recipe.ranker.loss == "listwise"
        figures = USERS + listwise * SPREAD + 0.02 * (recipe.ranker.blend > 0)
        return figures - 0.05 * ("als" in recipe.serving.generators)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> type[Known]:
    monkeypatch.setattr("models.tuning.funnel.Funnel", Known)
    Known.measured, Known.unranked = [], staticmethod(lambda recipe: 0.5)
    return Known


@pytest.fixture
def artifacts(tmp_path: Path) -> Artifacts:
    """As if data were prepared."""
    made = Artifacts(tmp_path / "artifacts")
    write_stamp(made.prepared.stamp, "some data")
    return made


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    path = tmp_path / "shop.toml"
    path.write_text(TEXT, encoding="utf-8")
    return load(str(path))


def test_each_changed_key_has_a_comment_of_what_it_brought(
    known: type[Known], artifacts: Artifacts, recipe: Recipe
) -> None:
    """The blend alone brings 0.02 to everybody; without the loss that reads it, both are lost."""
    best = tune(recipe, artifacts)
    assert best == {
        "ranker.loss": "listwise",
        "ranker.blend": 0.5,
        "serving.generators": ("two-tower",),
    }
    written = artifacts.tuned.read_text(encoding="utf-8")
    sure = "+0.1200 ± 0.0100, which beats it by more than two standard errors."
    assert "0.2000 before: " + sure in written.replace("\n# ", " ")
    orders = recipe.source.interactions
    table = """[ranker]
# tune: "pointwise" before; brought +0.1200 ± 0.0100, by setting it back alone.
loss = "listwise"  # the default
# tune: 0.0 before; brought +0.0200 ± 0.0000, by setting it back alone.
blend = 0.5
"""
    rest = TEXT.replace('[ranker]\nloss = "pointwise"  # the default\n', table)
    rest = rest.replace('"orders.parquet"', f'"{orders}"')
    assert written.endswith(rest)
    assert load(str(artifacts.tuned)).ranker.blend == 0.5
    # The recipe once for itself, as a trial and with the loss set back; three trials; the blend set back.
    assert len(known.measured) == 5


def test_a_key_without_time_gets_the_means_of_the_trials(
    known: type[Known], artifacts: Artifacts, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comment says so; nothing is measured but the recipe and its trials."""
    monkeypatch.setattr(Budget, "allows", lambda budget, seconds, kept_free=0.0: kept_free > 0)
    tune(recipe, artifacts, minutes=1)
    written = artifacts.tuned.read_text(encoding="utf-8")
    # Trials with it: 0.32 and 0.15; without: 0.25 and 0.2.
    means = "# tune: 0.0 before; brought about +0.0100, by the means of the trials.\nblend = 0.5\n"
    assert means in written
    assert "brought +0.1200 ± 0.0100, by setting it back alone.\nloss" in written
    assert len(known.measured) == 4


def test_a_recipe_that_is_the_best_stays(
    known: type[Known], artifacts: Artifacts, recipe: Recipe
) -> None:
    """No settings are returned, and the file says that nothing beat it."""
    content = recipe.model_dump(mode="json", exclude_unset=True)
    content["ranker"] = {"loss": "listwise", "blend": 0.5}
    with heard() as lines:
        assert tune(of_tables(content), artifacts) == {}
    assert (
        "none of 4 trials beats the recipe as it is, 0.3200 NDCG@10 of 50 users of the" in lines[-2]
    )
    written = artifacts.tuned.read_text(encoding="utf-8")
    assert "none of 4 trials beats" in written.replace("\n# ", " ")
    assert load(str(artifacts.tuned)).ranker.blend == 0.5


def test_what_is_bad_before_ranking_is_not_ranked(
    known: type[Known],
    artifacts: Artifacts,
    recipe: Recipe,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once enough trials have ended, one whose unranked blend is below their median is pruned."""
    monkeypatch.setattr(objective, "UNPRUNED_TRIALS", 2)
    known.unranked = staticmethod(lambda each: 0.5 - 0.1 * ("als" in each.serving.generators))
    tune(recipe, artifacts)
    storage = f"sqlite:///{artifacts.study}"
    (name,) = [each.study_name for each in optuna.get_all_study_summaries(storage)]
    trials = optuna.load_study(study_name=name, storage=storage).trials
    assert [trial.state.name for trial in trials] == [*["COMPLETE"] * 3, "PRUNED"]
    assert [trial.user_attrs.get(objective.UNRANKED) for trial in trials] == [0.4, 0.5, None, 0.4]


def test_a_file_that_cannot_be_written_is_explained(
    known: type[Known], artifacts: Artifacts, recipe: Recipe, tmp_path: Path
) -> None:
    """With the path, and that the trials are not lost."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(
        ShortlistError, match=r"expected to write the best recipe to .*trials are st"
    ):
        tune(recipe, artifacts, 1, out=tmp_path / "file" / "tuned.toml")


def test_other_settings_that_the_user_made_are_written_too(
    known: type[Known], artifacts: Artifacts, recipe: Recipe
) -> None:
    """``with_settings`` after reading the file: the written recipe is the one that was searched."""
    from recipes.load import with_settings

    asked: dict[str, Any] = {"retriever.seed": 7}
    tune(with_settings(recipe, asked), artifacts, 1)
    written = artifacts.tuned.read_text(encoding="utf-8")
    assert "# Ours." in written
    assert "\n[retriever]\n# tune: as searched.\nseed = 7\n" in written
