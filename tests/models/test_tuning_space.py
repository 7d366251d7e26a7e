"""The space of a search: what may be in it, the default, and which drawn settings are used together."""

from pathlib import Path

import optuna
import pytest

from models.tuning.brought import by_means, changed
from models.tuning.default_space import default_space
from models.tuning.space import decoded, drawn, require_settings, settled, stage_of
from recipes.load import load, of_tables, with_settings
from recipes.schema.recipe import Recipe
from recipes.schema.tuning import Space
from stages.errors import ShortlistError


def shop(**tables: object) -> Recipe:
    """A recipe that only names columns, and other tables."""
    return of_tables(
        {
            "name": "shop",
            "source": {"kind": "files", "interactions": "orders.parquet"},
            "columns": {"user": "customer", "item": "product", "timestamp": "at"},
            "split": {"kind": "leave-last-out"},
            **tables,
        }
    )


def test_keys_that_the_other_settings_do_not_read_are_left_out() -> None:
    """A blend needs a listwise loss, a linear model a generator or feature that reads it."""
    pointwise = {"ranker.loss": "pointwise", "ranker.blend": 0.4}
    assert settled(shop(), pointwise) == {"ranker.loss": "pointwise"}
    listwise = {"ranker.loss": "listwise", "ranker.blend": 0.4}
    assert settled(shop(), listwise) == listwise
    penalty = {"als.penalty": 10.0, "serving.generators": ["two-tower", "linear"]}
    assert settled(shop(), penalty) == {"serving.generators": ["two-tower", "linear"]}
    factors = {"als.penalty": 10.0, "serving.generators": ["two-tower", "als"]}
    assert settled(shop(), factors) == factors
    kind = {"retriever.kind": "masked-softmax", "retriever.temperature": 0.5}
    assert settled(shop(), kind) == {"retriever.kind": "masked-softmax"}


def test_a_key_that_the_recipe_sets_itself_gets_its_default() -> None:
    """Otherwise the recipe with the drawn settings would be refused for a key that is not read."""
    recipe = shop(
        ranker={"loss": "listwise", "blend": 0.4, "features": ["retrieval_score"]},
        serving={"generators": ["two-tower", "als"]},
        als={"penalty": 7.0},
    )
    drawn_settings = {"ranker.loss": "pointwise", "serving.generators": ["two-tower"]}
    used = settled(recipe, drawn_settings)
    assert used == {**drawn_settings, "ranker.blend": 0.0, "als.penalty": 40.0}
    assert with_settings(recipe, used).ranker.blend == 0.0


def test_the_default_space_follows_the_kinds() -> None:
    """Half-life where there are times and a history, folds where a fold can be trained, and so on."""
    space = default_space(shop())
    assert [*space] == [
        "retriever.learning_rate",
        "retriever.weight_decay",
        "retriever.history_half_life",
        "serving.generators",
        "ranker.learning_rate",
        "ranker.weight_decay",
        "ranker.loss",
        "ranker.blend",
        "ranker.ids",
    ]
    timeless = shop(columns={"user": "customer", "item": "product"}, split={"kind": "random"})
    assert "retriever.history_half_life" not in default_space(timeless)
    masked = shop(retriever={"kind": "masked-softmax"})
    assert "ranker.folds" in default_space(masked)
    assert [*default_space(load("ratings"))] == ["ranker.learning_rate", "ranker.weight_decay"]
    lists = default_space(load("movielens-100k"))["serving.generators"].choices
    own = ("two-tower", "linear", "als", "popularity")
    # Repeat is left out: its candidates are hidden.
    assert lists[:2] == (own, ("two-tower",))
    assert {*lists[2:]} == {
        (*own, "transitions"),
        ("two-tower", "als", "popularity"),
        ("two-tower", "linear", "popularity"),
    }
    assert ("two-tower", "linear", "transitions", "als") in space["serving.generators"].choices
    assert stage_of(load("ratings"), default_space(load("ratings"))) == "ranker"
    for recipe in (shop(), masked, timeless, load("gowalla"), load("movielens-100k")):
        require_settings(recipe, default_space(recipe))


@pytest.mark.parametrize(
    ("recipe", "key", "stage"),
    [
        ("songs", "retriever.learning_rate", "retriever"),
        ("ratings", "ranker.learning_rate", "ranker"),
        ("aliccp", "ranker.learning_rate", "ranker"),
        ("aliccp", "retriever.learning_rate", "retriever"),
        ("aliccp", "serving.candidates", None),
        ("songs", "linear.penalty", None),
        ("movielens-100k", "retriever.learning_rate", None),
        ("gowalla", "ranker.blend", None),
    ],
)
def test_a_stage_alone_is_judged_by_its_own_figure(
    recipe: str, key: str, stage: str | None
) -> None:
    """What changes the candidates or their order is judged by the funnel."""
    assert stage_of(load(recipe), {key: Space(choices=(1,))}) == stage


@pytest.mark.parametrize(
    ("tables", "key", "choices", "complaint"),
    [
        ({}, "ranker.blend", (0.4,), "(?s)blend.* only with loss = 'listwise'"),
        ({"ranker": {"kind": "none"}}, "ranker.blend", (0.4,), "got 'ranker.blend'.*keys: kind"),
        ({}, "joint.batch_size", (64,), r"got 'joint.batch_size' without \[joint\]"),
        ({}, "als.penalty", (1.0,), r"(?s)expected 'als' in serving.generators"),
        ({}, "serving.generators", (("two-tower", "liner"),), "(?s)got 'liner'"),
        ({}, "serving.candidates", (5,), "(?s)evaluation.k of at most|top_k of at most"),
    ],
)
def test_a_key_that_would_never_be_read_is_refused(
    tables: dict[str, object], key: str, choices: tuple[object, ...], complaint: str
) -> None:
    """Before any trial, unless another key of the space makes the recipe read it."""
    space = {key: Space.model_validate({"choices": choices})}
    with pytest.raises(ShortlistError, match=complaint):
        require_settings(shop(**tables), space)


def test_another_key_of_the_space_makes_a_key_valid() -> None:
    """Both are searched together."""
    loss = Space(choices=("pointwise", "listwise"))
    lists = Space(choices=(("two-tower",), ("two-tower", "als")))
    require_settings(shop(), {"ranker.loss": loss, "ranker.blend": Space(choices=(0.4,))})
    require_settings(
        shop(), {"serving.generators": lists, "als.penalty": Space(low=1, high=9, log=True)}
    )


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ("retreiver.seed", "got 'retreiver.seed' .did you mean 'retriever'"),
        (
            "split.seed",
            "expected keys of tune.space in one of retriever, linear, .*got 'split.seed'",
        ),
        ("serving.top_k", "expected serving.candidates or serving.generators .*'serving.top_k'"),
    ],
)
def test_a_table_that_says_what_the_data_are_is_refused(key: str, complaint: str) -> None:
    """A search compares settings on the same data and by the same figure."""
    with pytest.raises(ShortlistError, match=complaint):
        shop(tune={"space": {key: {"choices": [1]}}})


def test_lists_are_drawn_as_lists(tmp_path: Path) -> None:
    """Optuna stores them as text, also in its database, and they come back as what they were."""
    space = {"serving.generators": Space(choices=(("two-tower",), ("two-tower", "als")))}
    study = optuna.create_study(storage=f"sqlite:///{tmp_path}/study.sqlite")
    trial = study.ask()
    value = drawn(trial, space)["serving.generators"]
    assert value in space["serving.generators"].choices
    study.tell(trial, 1.0)
    assert decoded(space, study.best_params) == {"serving.generators": value}


def test_the_means_of_the_trials_tell_what_a_value_brought() -> None:
    """Trials nearer to the new value than to the former one, on the scale of the range, against the rest."""
    space = {
        "ranker.learning_rate": Space(low=0.0001, high=1.0, log=True),
        "ranker.loss": Space(choices=("pointwise", "listwise")),
    }
    study = optuna.create_study(direction="maximize")
    for rate, loss, figure in (
        (0.002, "pointwise", 0.1),
        (0.02, "listwise", 0.3),
        (0.2, "pointwise", 0.5),
    ):
        study.enqueue_trial({"ranker.learning_rate": rate, "ranker.loss": loss})
        trial = study.ask()
        drawn(trial, space)
        study.tell(trial, figure)
    # The recipe's rate is 0.001: 0.02 is nearer to 0.1 than to it.
    found = by_means(shop(), study, space, "ranker.learning_rate", 0.1)
    assert found.difference == pytest.approx(0.4 - 0.1)
    assert str(found) == "about +0.3000, by the means of the trials"
    found = by_means(shop(), study, space, "ranker.loss", "listwise")
    assert found.difference == pytest.approx(0.3 - 0.3)
    assert "unknown" in str(by_means(shop(), study, space, "ranker.learning_rate", 0.0001))
    assert changed(shop(), {"ranker.loss": "pointwise", "ranker.seed": 7}) == {"ranker.seed": 7}
