"""The search over the whole funnel, on the made-up shop."""

import json
from typing import Any

import numpy as np
import optuna
import pytest

from models.interactions import Interactions
from models.item_models import arrays
from models.prepared import PreparedData
from models.training.candidate_rows import CandidateRows
from models.tuning import search
from models.tuning.brought import changed
from models.tuning.budget import Budget
from models.tuning.funnel import OF_RANKER_TRAINING, Split, blended, ndcg_by_user
from models.tuning.reuse import ItemModels, Reuse
from models.tuning.search import tune
from recipes.editing import as_text, as_toml
from recipes.load import load, with_settings
from recipes.schema.rankers import KINDS
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.heard import heard
from tests.models import shop

SPACE: dict[str, Any] = {
    "ranker.loss": {"choices": ["pointwise", "listwise"]},
    "ranker.blend": {"choices": [0.0, 1.0]},
    "serving.generators": {"choices": [["two-tower"], ["two-tower", "linear"]]},
}
SHORT = {"retriever.max_epochs": 1, "ranker.max_epochs": 1}


def rows_of(users: list[int], relevant: list[int], **columns: list[float]) -> CandidateRows:
    """Candidates in the order of retrieval."""
    numbers = np.array(users)
    made = {name: np.array(values, np.float32) for name, values in columns.items()}
    return CandidateRows(made, np.array(relevant, np.float32), numbers, numbers)


def test_ndcg_counts_what_was_not_retrieved() -> None:
    """By hand: user 1 has two relevant items, one of them retrieved second; user 4 has no candidates."""
    rows = rows_of([1, 1, 1, 3, 3], [0, 1, 0, 1, 0])
    wanted = Interactions(np.array([1, 1, 1, 3, 4]), np.array([8, 9, 9, 5, 2]))
    found = ndcg_by_user(rows, None, wanted, 2)
    second = 1 / np.log2(3)
    assert found == pytest.approx([second / (1 + second), 1, 0])
    ordered = ndcg_by_user(rows, np.array([0.0, 1.0, 0.5, 0.0, 1.0]), wanted, 2)
    assert ordered == pytest.approx([1 / (1 + second), second, 0])


def test_the_unranked_blend_is_the_sum_of_the_generators_scores() -> None:
    """As z-scores within the user's list: of one that has them as a column, of another computed from it."""
    rows = rows_of(
        [1, 1, 2, 2],
        [0, 0, 0, 0],
        retrieval_score=[1.0, 3.0, 7.0, 5.0],
        linear=[0.0, 0.0, 9.0, 9.0],
        linear_zscore=[0.5, -0.5, 0.25, 0.0],
        popularity=[5.0, 6.0, 7.0, 8.0],
    )
    blend = blended(rows)
    assert blend is not None
    assert blend.tolist() == [-0.5, 0.5, 1.25, -1.0]
    assert blended(rows_of([1], [1], popularity=[1.0])) is None


def test_the_halves_share_no_user(recipe: Recipe, data: PreparedData) -> None:
    """And what a fold may be trained on has nothing of the users that are measured."""
    split = Split.of(data, 42)
    learnt, measured = {*split.learnt.users.tolist()}, {*split.measured.users.tolist()}
    assert learnt
    assert measured
    assert not learnt & measured
    assert learnt | measured == {*data.interactions("valid").users.tolist()}
    assert len(split.visible) == len(split.train) + len(split.learnt)
    of_measured = np.isin(split.visible.users, [*measured])
    assert of_measured.sum() == np.isin(split.train.users, [*measured]).sum()


def test_values_are_kept_up_to_a_budget() -> None:
    """Those not used for the longest give way; a single one is kept whatever its size."""
    kept = Reuse(budget=10)
    kept.keep("a", 1, 4)
    kept.keep("b", 2, 4)
    assert kept.find("a") == 1
    kept.keep("c", 3, 4)
    assert [kept.find(key) for key in "abc"] == [1, None, 3]
    kept.keep("d", 4, 99)
    assert [kept.find(key) for key in "abcd"] == [None, None, None, 4]


def test_item_models_are_computed_once_for_the_same_settings(
    recipe: Recipe, data: PreparedData
) -> None:
    """Another penalty of the linear model computes its arrays anew, and the factors are the same object."""
    train = data.interactions("train")
    asked = with_settings(recipe, {"serving.generators": ["two-tower", "linear", "als"]})
    models = ItemModels(Reuse())
    first = models(asked, data, train)
    other = models(with_settings(asked, {"linear.penalty": 3.0}), data, train)
    assert other[arrays.ALS_FACTORS] is first[arrays.ALS_FACTORS]
    assert (other[arrays.LINEAR_WEIGHTS] != first[arrays.LINEAR_WEIGHTS]).any()
    # A recipe without the generator gets none of its arrays; other interactions have their own.
    assert arrays.ALS_FACTORS not in models(recipe, data, train)
    fewer = models(asked, data, train.at(np.arange(len(train) - 9)))
    assert (fewer[arrays.ALS_FACTORS] != first[arrays.ALS_FACTORS]).any()
    expected = arrays.candidate_arrays(asked, data, train)
    # So little memory that an array gives way to the next one.
    scarce = ItemModels(Reuse(budget=1))
    for made in (first, scarce(asked, data, train), scarce(asked, data, train)):
        assert made.keys() == expected.keys()
        assert all((made[name] == array).all() for name, array in expected.items())


def test_keys_that_change_only_the_rankers_training_exist() -> None:
    """A renamed key must not stay in the list."""
    names = {name for kind in KINDS for name in kind.model_fields}
    assert {*OF_RANKER_TRAINING} <= names


def searching(recipe: Recipe, space: dict[str, Any], trials: int) -> Recipe:
    content = recipe.model_dump(mode="json")
    content["tune"] = {"trials": trials, "seed": 3, "space": space}
    return Recipe.model_validate_json(json.dumps(content))


@pytest.mark.slow
def test_the_funnel_is_searched_and_its_best_recipe_written(copied: Artifacts) -> None:
    """From a file to a file: its figures, comments and paths; a second run only reads what is stored."""
    folder = copied.root / "own"
    path = folder / "shop.toml"
    shop.write_files(folder)
    content = shop.recipe(folder).model_dump(mode="json", exclude_unset=True)
    for name in ("interactions", "users", "items"):
        content["source"][name] = f"{name}.parquet"
    content["tune"] = {"trials": 4, "seed": 3, "space": SPACE}
    text = as_text(content, {"split.kind": ["The shop's own comment."]})
    path.write_text(text, encoding="utf-8")
    recipe = with_settings(load(str(path)), SHORT)
    with heard() as lines:
        best = tune(recipe, copied)
    # The retriever once for all trials, candidates once for each list of generators.
    assert lines.count("training the retriever") == 1
    assert lines.count("computing candidates") <= 2
    assert lines[-1] == f"wrote {copied.tuned}"
    (study,) = studies(copied)
    measured = {name: np.mean(of) for name, of in study.user_attrs.items()}
    written = copied.tuned.read_text(encoding="utf-8")
    found = load(str(copied.tuned))
    # The best of all that was measured, but for keys that were set back alone afterwards.
    trials = [trial.value for trial in study.trials if trial.value is not None]
    (before,) = (float(line.split()[-1]) for line in lines if line.startswith("the recipe as"))
    assert {round(each, 4) for each in trials} <= {round(each, 4) for each in measured.values()}
    assert found.model_dump() == with_settings(recipe, best).model_dump()
    assert bool(best) == (study.best_value > before + 5e-5)
    assert "# The shop's own comment." in written
    for key, value in changed(recipe, best).items():
        name = key.split(".")[1]
        above = written[: written.index(f"\n{name} = {as_toml(value)}")]
        assert above.rpartition("\n[")[2].count("# tune: ")
    # The paths of a file in another folder are absolute, and what was set since it was read is in it.
    assert found.source.interactions == str(folder / "interactions.parquet")
    assert found.retriever.max_epochs == 1
    with heard() as again:
        assert tune(recipe, copied) == best
    assert not [line for line in again if line.startswith(("training", "computing", "trial "))]
    assert copied.tuned.read_text(encoding="utf-8") == written


def studies(artifacts: Artifacts) -> list[optuna.Study]:
    storage = f"sqlite:///{artifacts.study}"
    names = [each.study_name for each in optuna.get_all_study_summaries(storage)]
    return [optuna.load_study(study_name=name, storage=storage) for name in names]


@pytest.mark.slow
def test_no_trial_begins_that_would_end_too_late(
    copied: Artifacts, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first always runs; the next is expected to take as long."""
    monkeypatch.setattr(search, "FOR_EACH_KEY", 0.0)
    asked = searching(with_settings(recipe, SHORT), {"ranker.blend": {"choices": [0.5]}}, 5)
    asked = with_settings(asked, {"ranker.loss": "listwise"})
    with heard() as lines:
        tune(asked, copied, minutes=0)
    assert [line for line in lines if line.startswith("trial ")][1:] == []
    assert "would not end within 0 minutes" in next(line for line in lines if "stopped" in line)


def test_time_is_left_for_each_key() -> None:
    """Of an hour, a quarter: a trial of half an hour may begin, one of 50 minutes not."""
    budget = Budget(60)
    assert budget.allows(30 * 60, 0.25)
    assert not budget.allows(50 * 60, 0.25)
    assert budget.allows(50 * 60)
    assert Budget().allows(1e9, 0.25)


def test_the_file_to_write_is_checked_first(copied: Artifacts, recipe: Recipe) -> None:
    """Before anything is trained."""
    asked = searching(recipe, {"ranker.dropout": {"choices": [0.1]}}, 1)
    with pytest.raises(ShortlistError, match=r"expected the path of a TOML file .*tuned.json"):
        tune(asked, copied, out=copied.root / "tuned.json")
    assert not copied.study.exists()
