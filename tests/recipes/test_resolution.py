"""What a recipe does not say follows from facts of the data, by rules with reasons."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from recipes.load import known_recipes, load, of_tables
from recipes.resolution.facts import Facts
from recipes.resolution.resolve import resolve, resolved
from recipes.resolution.text import completed_text
from recipes.schema.recipe import Recipe

#: Many users with a handful of items each, as in a shop.
SHOP = Facts(interactions=150_000, users=20_000, items=12_000, median_per_user=6.0, held_out=20_000)


def recipe(timestamp: str | None = "ts", split: str = "leave-last-out", **tables: Any) -> Recipe:
    """A recipe that names only columns, and ``tables``."""
    columns = {"user": "user", "item": "item", "label": "stars"} | (
        {"timestamp": timestamp} if timestamp else {}
    )
    return of_tables(
        {
            "name": "shop",
            "source": {"kind": "files", "interactions": "rows.parquet"},
            "columns": columns,
            "split": {"kind": split},
            **tables,
        }
    )


def decided(given: Recipe, facts: Facts = SHOP) -> dict[str, Any]:
    return {key: found.value for key, found in resolve(given, facts).decisions.items()}


def test_columns_alone_with_times() -> None:
    """What comes next: transitions beside the linear model, recency, and a ranker of lists without ids."""
    found = decided(recipe())
    assert found["serving.generators"] == ["two-tower", "linear", "transitions", "popularity"]
    assert found["retriever.history_half_life"] == found["linear.half_life"] == 2.0
    assert found["ranker.loss"] == "listwise"
    assert found["ranker.ids"] is False
    assert {"transitions", "transitions_zscore"} <= set(found["ranker.features"])
    assert "ranker.blend" not in found
    assert not any(key.startswith("als.") for key in found)


def test_columns_alone_without_times() -> None:
    """Nothing is known of order: least squares, and no recency."""
    found = decided(recipe(None, "random"))
    assert found["serving.generators"] == ["two-tower", "linear", "als", "popularity"]
    assert "als_zscore" in found["ranker.features"]
    assert found["als.dim"] == 64
    assert not any("half_life" in key for key in found)


def test_a_random_split_of_data_with_times() -> None:
    """What was between is asked for, not what comes next: no recency, but transitions and least squares."""
    found = decided(recipe("ts", "random"))
    assert found["serving.generators"] == [
        "two-tower", "linear", "transitions", "als", "popularity",
    ]  # fmt: skip
    assert not any("half_life" in key for key in found)


def test_least_squares_has_a_limit() -> None:
    """Not for millions of users, whose factors would take hours."""
    many = Facts(10_000_000, 5_000_000, 100_000, 2.0, 900_000)
    assert "als" not in decided(recipe(None, "random"), many)["serving.generators"]


def test_the_retrievers_time_is_bounded() -> None:
    """Two epochs of ten million interactions; eight, the default, of few."""
    many = Facts(10_000_000, 500_000, 300_000, 10.0, 400_000)
    assert decided(recipe(), many)["retriever.max_epochs"] == 2
    assert (
        decided(recipe(), Facts(4_000_000, 500_000, 300_000, 10.0, 400_000))["retriever.max_epochs"]
        == 5
    )
    assert "retriever.max_epochs" not in decided(recipe())


def test_few_lists_are_steadied_by_the_blend() -> None:
    few = Facts(interactions=75_000, users=943, items=1_600, median_per_user=50, held_out=7_500)
    assert decided(recipe(), few)["ranker.blend"] == 0.2


def test_ids_where_there_is_enough_for_them() -> None:
    """With 20 held-out positives for each user and item, ids stay the ranker's inputs."""
    dense = Facts(
        interactions=4_000_000, users=10_000, items=10_000, median_per_user=400, held_out=400_000
    )
    assert "ranker.ids" not in decided(recipe(), dense)


def test_own_items_where_they_may_be_shown() -> None:
    found = decided(recipe(serving={"exclude": []}, interactions={"repeats": True}))
    assert found["serving.generators"][-2:] == ["repeat", "popularity"]
    assert "repeat_zscore" in found["ranker.features"]


def test_what_the_recipe_writes_wins() -> None:
    """Even a default that it writes out; rules about the rest follow from it."""
    given = recipe(
        ranker={"loss": "pointwise", "ids": True}, serving={"generators": ["two-tower", "als"]}
    )
    found = resolve(given, SHOP)
    assert found.recipe.ranker.loss == "pointwise"
    assert found.recipe.ranker.ids is True
    assert found.recipe.serving.generators == ("two-tower", "als")
    assert "als_zscore" in found.recipe.ranker.features
    assert "linear" not in found.recipe.ranker.features
    assert not {"ranker.loss", "ranker.ids", "ranker.batch_size"} & found.decisions.keys()


@pytest.mark.parametrize(
    "tables",
    [
        {"ranker": {"kind": "none"}},
        {"retriever": {"kind": "none"}, "ranker": {"target": "label"}},
        {"ranker": {"kind": "wide-and-deep"}},
    ],
)
def test_no_rule_decides_what_nothing_reads(tables: dict[str, Any]) -> None:
    """Of a recipe without a ranker, or one of interactions, the ranker stays as it is."""
    given = recipe(None, "random", **tables)
    assert not any(key.startswith("ranker.l") for key in decided(given))


def test_the_result_is_a_recipe_itself(tmp_path: Path) -> None:
    """It says who decided each setting, and no rule changes it, whatever the data."""
    given = recipe(retriever={"batch_size": 512})
    text = completed_text(given, resolve(given, SHOP))
    assert "batch_size = 512  # recipe" in text
    assert 'loss = "listwise"  # rule: the order within' in text
    assert "max_epochs = 8  # default" in text
    again = of_tables(tomllib.loads(text))
    assert resolve(again, Facts(10, 5, 5, 2.0, 1)).decisions == {}
    assert again.ranker == resolve(given, SHOP).recipe.ranker
    assert again.serving == resolve(given, SHOP).recipe.serving


def test_without_facts_nothing_is_decided(tmp_path: Path) -> None:
    given = recipe()
    assert resolved(given, tmp_path / "facts.json") is given
    SHOP.write(tmp_path / "facts.json")
    assert Facts.read(tmp_path / "facts.json") == SHOP
    assert resolved(given, tmp_path / "facts.json").ranker.loss == "listwise"


@pytest.mark.parametrize("name", known_recipes())
def test_tuned_recipes_say_what_they_were_tuned_with(name: str) -> None:
    """No rule moves the figures of a recipe that comes with the project."""
    for times in (Facts(10, 5, 5, 2.0, 1), SHOP):
        assert resolve(load(name), times).decisions == {}
