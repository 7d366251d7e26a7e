"""The search for settings, on the made-up shop."""

import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import optuna
import pytest

from models.tuning import search
from models.tuning.search import tune
from models.tuning.space import drawn
from recipes.editing import settings_as_text
from recipes.load import load, of_tables, with_settings
from recipes.schema.recipe import Recipe
from recipes.schema.tuning import Tune
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from stages.stamps import write_stamp
from tests.models import rated_shop, shop

Shop = tuple[Recipe, Artifacts]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The shop with stars, with ids alone for speed. Do not modify it: see ``rated``."""
    return rated_shop.prepared(
        tmp_path_factory.mktemp("rated"),
        features={"user": {}, "item": {}},
        interactions={"history_length": 0},
    )


@pytest.fixture
def rated(prepared: Shop, tmp_path: Path) -> Shop:
    """The same with a copy of the artifacts."""
    return prepared[0], shop.copied(prepared[1], tmp_path / "copy")


def searching(recipe: Recipe, space: dict[str, Any], trials: int = 1, seed: int = 42) -> Recipe:
    """The recipe with a space to search."""
    content = recipe.model_dump(mode="json")
    content["tune"] = {"trials": trials, "seed": seed, "space": space}
    return Recipe.model_validate_json(json.dumps(content))


def studies(artifacts: Artifacts) -> list[optuna.Study]:
    """The studies stored in the file, oldest first."""
    storage = f"sqlite:///{artifacts.study}"
    summaries = optuna.get_all_study_summaries(storage)
    return [optuna.load_study(study_name=one.study_name, storage=storage) for one in summaries]


def states(study: optuna.Study) -> list[str]:
    return [trial.state.name for trial in study.trials]


def test_the_best_settings_are_found_and_hopeless_ones_pruned(
    rated: Shop, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    """One rate learns, one makes the loss non-finite, and one moves nothing: the median prunes it."""
    monkeypatch.setattr(search, "UNPRUNED_TRIALS", 1)
    recipe, artifacts = rated
    recipe = with_settings(recipe, {"retriever.max_epochs": 5})
    # With this seed the rate that learns is drawn first, then the diverging one, then the idle one.
    rates = {"retriever.learning_rate": {"choices": [0.02, 1e-9, 1e30]}}
    said.clear()
    best = tune(searching(recipe, rates, trials=3, seed=10), artifacts, None)
    assert best == {"retriever.learning_rate": 0.02}
    (study,) = studies(artifacts)
    assert states(study) == ["COMPLETE", "PRUNED", "PRUNED"]
    epochs = [len(trial.intermediate_values) for trial in study.trials]
    assert epochs == [5, 0, search.UNPRUNED_EPOCHS + 1]
    assert study.best_value == max(study.trials[0].intermediate_values.values())
    rate = "retriever.learning_rate ="
    assert said[0] == f"trial 1 of 3: {study.best_value:.4f} ({rate} 0.02)"
    assert said[1].startswith(f"trial 2 of 3: pruned ({rate} 1e+30): expected a finite loss")
    assert said[2:] == [
        f"trial 3 of 3: pruned ({rate} 1e-09)",
        f"best of 3 trials on the validation part: {study.best_value:.4f}",
        f"wrote {artifacts.tuned}",
    ]


@pytest.mark.parametrize(("target", "best_of"), [("label", min), ("positives", max)])
def test_rankers_are_tuned_by_what_stops_their_training(
    rated: Shop, target: str, best_of: Callable[[Iterable[float]], float]
) -> None:
    """The error of a label is minimised, the AUC of positives maximised."""
    recipe, artifacts = rated
    recipe = with_settings(recipe, {"ranker.target": target})
    rates = {"ranker.learning_rate": {"choices": [0.05]}}
    assert tune(searching(recipe, rates), artifacts, None) == {"ranker.learning_rate": 0.05}
    (study,) = studies(artifacts)
    epochs = study.trials[0].intermediate_values.values()
    assert study.best_value == best_of(epochs)
    assert len(set(epochs)) == 2
    # The search compares trials by the same direction.
    assert study.direction.name == ("MINIMIZE" if best_of is min else "MAXIMIZE")


SCRIPT = """
import logging, os, signal, sys
from pathlib import Path
import optuna
from models.tuning.search import tune
from stages.artifacts import Artifacts
from recipes.schema.recipe import Recipe
from recipes.schema.tuning import Tune

class Killed(optuna.Trial):
    def report(self, value, step):
        if self.number == 1:
            os.kill(os.getpid(), signal.SIGKILL)

optuna.Trial.report = Killed.report
logging.basicConfig(stream=sys.stdout, format="%(message)s")
logging.getLogger("shortlist").setLevel("INFO")
tune(Recipe.model_validate_json(sys.argv[1]), Artifacts(Path(sys.argv[2])), 2)
"""


@pytest.mark.slow
def test_a_killed_search_goes_on(rated: Shop, said: list[str]) -> None:
    """After kill -9 in the second trial the first counts, the second is repeated, and there is no third."""
    recipe, artifacts = rated
    rates = {"retriever.learning_rate": {"low": 0.001, "high": 0.03, "log": True}}
    recipe = searching(recipe, rates, trials=7)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, recipe.model_dump_json(), str(artifacts.root)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert "\ntrial 1 of 2: " in f"\n{done.stdout}"
    said.clear()
    tune(recipe, artifacts, 2)
    assert [line.split(":")[0] for line in said] == [
        "trial 2 of 2",
        "best of 2 trials on the validation part",
        f"wrote {artifacts.tuned}",
    ]
    (study,) = studies(artifacts)
    assert states(study) == ["COMPLETE", "RUNNING", "COMPLETE"]
    first, killed, again = (trial.params for trial in study.trials)
    assert killed == again != first
    said.clear()
    tune(recipe, artifacts, 1)
    assert said[0] == f"best of 2 trials on the validation part: {study.best_value:.4f}"


@pytest.mark.slow
def test_another_question_begins_another_search(rated: Shop, said: list[str]) -> None:
    """With other data, another space or another setting, earlier trials do not count, but stay stored."""
    recipe, artifacts = rated
    rate = {"retriever.learning_rate": {"choices": [0.01, 0.02]}}
    asked = searching(recipe, rate)

    def trained(recipe: Recipe) -> bool:
        said.clear()
        tune(recipe, artifacts, None)
        return said[0].startswith("trial 1 of 1")

    assert trained(asked)
    # Neither the value of a searched key nor the number of trials begins another search.
    assert not trained(with_settings(asked, {"retriever.learning_rate": 0.5}))
    assert not trained(searching(recipe, rate, trials=1))
    assert trained(searching(recipe, {"retriever.learning_rate": {"choices": [0.01]}}))
    assert trained(with_settings(asked, {"retriever.batch_size": 32}))
    write_stamp(artifacts.prepared.stamp, "other data")
    assert trained(asked)
    assert [states(study) for study in studies(artifacts)] == [["COMPLETE"]] * 4


def test_values_come_from_the_declared_space() -> None:
    """Floats and integers cover their range, both ends included; choices of any type stay as they are."""
    space = Tune.model_validate_json(
        """{"space": {
            "retriever.learning_rate": {"low": 0.001, "high": 0.1, "log": true},
            "retriever.weight_decay": {"low": 0, "high": 1},
            "retriever.negatives": {"low": 2, "high": 4, "integer": true},
            "retriever.kind": {"choices": ["softmax", "log-loss"]},
            "retriever.logq_correction": {"choices": [true, false]}
        }}"""
    ).space
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    found: dict[str, list[Any]] = {key: [] for key in space}
    for _ in range(100):
        for key, value in drawn(study.ask(), space).items():
            found[key].append(value)
    rates = sorted(found["retriever.learning_rate"])
    assert 0.001 <= rates[0] < 0.002 < rates[50] < 0.02 < 0.05 < rates[-1] <= 0.1
    decays = sorted(found["retriever.weight_decay"])
    assert 0 <= decays[0] < 0.1 < 0.3 < decays[50] < 0.7 < decays[-1] <= 1
    assert set(found["retriever.negatives"]) == {2, 3, 4}
    assert all(isinstance(value, int) for value in found["retriever.negatives"])
    assert set(found["retriever.kind"]) == {"softmax", "log-loss"}
    assert set(found["retriever.logq_correction"]) == {True, False}


def test_settings_are_spelt_as_a_recipe_spells_them() -> None:
    """Every digit of a float, quoted strings, lower-case booleans: TOML reads the same values back."""
    best = {
        "ranker.learning_rate": 0.0123456789012345,
        "ranker.weight_decay": 1e-05,
        "ranker.batch_size": 64,
        "ranker.kind": "wide-and-deep",
        "ranker.dot_product": True,
    }
    read = tomllib.loads(settings_as_text(best))
    assert read == {"ranker": {key.removeprefix("ranker."): value for key, value in best.items()}}
    assert with_settings(load("ratings"), best).ranker.weight_decay == 1e-05


@pytest.mark.parametrize(
    ("settings", "space", "complaint"),
    [
        ({"ranker": {"kind": "none"}}, {"ranker.seed": [1]}, "got 'ranker.seed'. Valid keys: kind"),
        (
            {"retriever": {"kind": "none"}},
            {"retriever.seed": [1]},
            "'retriever.seed'. Valid keys: ",
        ),
        (
            {"retriever": {"kind": "none"}},
            {"ranker.seed": [1], "serving.candidates": [39]},
            "expected only keys of .ranker.* with retriever.kind 'none', got ranker.seed, serving.cand",
        ),
        (
            {"joint": {}, "retriever": {}, "ranker": {"target": "label"}},
            {"retriever.seed": [1]},
            r"retriever is trained on its own, got the \[joint\] table of .* Leave \[joint\] out",
        ),
        (
            {},
            {"retriever.learn_rate": [1]},
            "got 'retriever.learn_rate' .did you mean 'learning_rate'",
        ),
        ({}, {"retriever": [1]}, r"name a key of \[retriever\], got 'retriever'"),
        ({}, {"retriever.batch_size": [64, 1]}, "(?s)batch_size = 1:.* greater than or equal to 2"),
        ({}, {"retriever.kind": ["soft"]}, '(?s)kind = "soft":.*expected .*got "soft"'),
        (
            {},
            {"retriever.kind": ["masked-softmax"]},
            "retriever.layers: expected a key of kind 'masked-softmax', got one of kind 'softmax'",
        ),
        ({}, {"retriever.seed": {"low": 1, "high": 2}}, "(?s)seed = 1.* a valid integer"),
        ({}, {"retriever.temperature": {"low": 0, "high": 1}}, "(?s)temperature = 0.* than 0"),
        (
            {},
            {"retriever.unknown_rate": {"low": 0, "high": 1}},
            "(?s)unknown_rate = 1.* less than 1",
        ),
    ],
)
def test_a_space_that_cannot_be_searched_is_explained(
    rated: Shop, settings: dict[str, Any], space: dict[str, Any], complaint: str
) -> None:
    """Before any trial, with the key and the values that it accepts."""
    recipe, artifacts = rated
    content = recipe.model_dump(mode="json", exclude_unset=True)
    for table, value in settings.items():
        content[table] = value
    tried = {
        key: values if isinstance(values, dict) else {"choices": values}
        for key, values in space.items()
    }
    content["tune"] = {"space": tried}
    with pytest.raises(ShortlistError, match=complaint):
        tune(of_tables(content), artifacts, None)
    assert not artifacts.study.exists()


def test_a_search_whose_trials_all_fail_is_explained(rated: Shop) -> None:
    """If every trial fails, the error gives the reason of the last one."""
    recipe, artifacts = rated
    recipe = searching(recipe, {"retriever.learning_rate": {"choices": [1e30]}})
    with pytest.raises(
        ShortlistError, match=r"one of 1 trials to finish, got none.* expected a finite loss"
    ):
        tune(recipe, artifacts, None)


def test_what_must_be_there_is_named(rated: Shop, tmp_path: Path) -> None:
    """Without prepared data the error says what to run; with a broken trials file, what to delete."""
    recipe, artifacts = rated
    recipe = searching(recipe, {"retriever.seed": {"choices": [1]}})
    with pytest.raises(ShortlistError, match="shortlist prepare two-tastes"):
        tune(recipe, Artifacts(tmp_path / "nothing"), None)
    artifacts.study.write_bytes(b"no database " * 99)
    with pytest.raises(ShortlistError, match=r"study.sqlite.* not a database.* delete it"):
        tune(recipe, artifacts, None)
