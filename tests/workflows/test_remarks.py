"""What is odd about the data: ``prepare`` logs it with its number, and ``inspect`` shows the same line."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from stages.errors import ShortlistError
from tests.workflows.ratings import ratings_recipe, write_raw
from workflows.inspection.inspect import inspect
from workflows.prepare import prepare

LABELLED = {"user": "user", "item": "item", "timestamp": "at", "label": "stars"}
WEIGHTED = {**LABELLED, "weight": "weight"}
NAMED = {
    "name": {"kind": "text"},
    "genre": {"kind": "categorical"},
    "tags": {"kind": "categorical", "list": True},
}
MANY = {
    "item": list(range(101)),
    "genre": [f"g{number}" for number in range(101)],
    "tags": [[]] * 101,
    "name": [f"Film {number}" for number in range(101)],
}
#: By kind: recipe tables, columns of the raw tables, and the line.
LINES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "items without a row": (
        {},
        {"items": {"item": list(range(15)), "genre": ["a", "b", "c"] * 5, "tags": [["x"]] * 15}},
        "5 of the 20 items with interactions have no row in the items table: their features are null",
    ),
    "users without a row": (
        {"features": {"item": {"genre": {"kind": "categorical"}}}},
        {"users": {"user": ["u0"], "age": [7.0]}},
        "39 of the 40 users with interactions have no row in the users table: nothing is known but",
    ),
    "filtered users without a row": (
        {"interactions": {"filter": "user != 'u1'"}},
        {"users": {"user": ["u0", "u1", "u2"], "age": [7.0, 8.0, 9.0]}},
        "37 of the 39 users with interactions have no row in the users table",
    ),
    "items without an interaction": (
        {"features": {"item": NAMED}},
        {"items": MANY},
        "81 of the 101 items in their table have no interaction that counts: models know them by",
    ),
    "users without an interaction": (
        {"interactions": {"filter": "user != 'u1'"}, "features": {}},
        {},
        "1 of the 40 users in their table has no interaction that counts: models cannot tell them",
    ),
    "exact copies": (
        {"interactions": {"repeats": True}},
        {
            "interactions": {
                "at": [number // 40 * 40 for number in range(800)],
                "user": [f"u{number % 20}" for number in range(800)],
                "stars": [number // 40 % 5 + 1 for number in range(800)],
            }
        },
        "400 of the 800 interactions are exact copies of others: interactions.repeats counts each",
    ),
    "one weight": (
        {"columns": WEIGHTED},
        {"interactions": {"weight": [0.5] * 800}},
        "Column 'weight' (columns.weight) is 0.5 in all 800 interactions that count",
    ),
    "all positive": (
        {"interactions": {"positive": "stars > 0"}},
        {},
        "interactions.positive `stars > 0` holds for all of the 800 interactions that count",
    ),
    "all positive, without a ranker": (
        {"interactions": {"positive": "stars > 0"}, "ranker": {"kind": "none"}},
        {},
        "interactions.positive `stars > 0` holds for all of the 800 interactions that count",
    ),
    "a column of nulls": (
        {},
        {"users": {"age": pa.array([None] * 39 + [float("nan")])}},
        "Column 'age' (features.user.age) has no values",
    ),
    "a constant column": (
        {},
        {"items": {"tags": [["old"]] * 20}},
        "Column 'tags' (features.item.tags) has one value in all rows",
    ),
    "one more id": (
        {"features": {"item": NAMED}},
        {"items": MANY},
        "Column 'genre' (features.item.genre) has a different value in each of the 101 items",
    ),
}


@pytest.mark.parametrize("name", LINES)
def test_each_oddity_is_told_by_both_commands(tmp_path: Path, said: list[str], name: str) -> None:
    """With its number; the same words in the log of one and among the remarks of the other."""
    tables, columns, line = LINES[name]
    recipe, artifacts = ratings_recipe(**tables), write_raw(tmp_path, **columns)
    prepare(recipe, artifacts, engine="polars")
    (logged,) = [each for each in said if each.startswith(line)]
    assert logged in inspect(recipe, artifacts).remarks


def test_nothing_is_told_about_sound_data(tmp_path: Path, said: list[str]) -> None:
    """Titles with a value of their own each are not one more id: their words are features."""
    features = {"item": {"title": {"kind": "text"}}, "user": {"age": {"kind": "numeric"}}}
    columns = {"items": {"title": [f"Film {number}" for number in range(20)]}}
    prepare(ratings_recipe(features=features), write_raw(tmp_path, **columns), engine="polars")
    assert [line.split(":")[0] for line in said] == [
        "temporal split",
        "encoded 40 users and 20 items",
    ]


def test_dropped_rare_ids_are_not_told_again(tmp_path: Path, said: list[str]) -> None:
    """drop_rare reports what it drops; that is not a row without interactions."""
    recipe = ratings_recipe(
        vocabulary={"drop_rare": True, "user_frequency_threshold": 2},
        interactions={"filter": "at < 780 and item != 3 or user == 'u1'"},
    )
    artifacts = write_raw(tmp_path, items={"item": [*range(19), 77]})
    prepare(recipe, artifacts, engine="polars")
    assert not [line for line in said if "in their table" in line]
    assert not [line for line in inspect(recipe, artifacts).remarks if "in their table" in line]


def test_weights_below_zero_are_refused(tmp_path: Path) -> None:
    """A negative weight would teach the opposite."""
    artifacts = write_raw(tmp_path, interactions={"weight": [-1.5, *[1.0] * 799]})
    recipe = ratings_recipe(columns=WEIGHTED)
    with pytest.raises(ShortlistError, match=r"columns\.weight") as error:
        prepare(recipe, artifacts, engine="polars")
    assert "got -1.5 and 1 below 0 among the 800 interactions that count" in str(error.value)
    assert str(error.value) in inspect(recipe, artifacts).refusals


def test_weights_that_are_all_zero_are_refused(tmp_path: Path) -> None:
    """Without any weight there is nothing to learn; both commands say the same."""
    artifacts = write_raw(tmp_path, interactions={"weight": [0.0] * 800})
    recipe, expected = ratings_recipe(columns=WEIGHTED), r"all .* have weight 0 \(columns\.weight\)"
    with pytest.raises(ShortlistError, match=expected):
        prepare(recipe, artifacts, engine="polars")
    with pytest.raises(ShortlistError, match=expected):
        inspect(recipe, artifacts)


ONE_OUTCOME: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"stars": [4.0] * 800}, "got 4 in all of the 800 interactions that count"),
    (
        {"interactions": {"positive": "stars > 0"}, "ranker": {"target": "positives"}},
        {},
        "got only positives: interactions.positive `stars > 0` holds for all of the 800",
    ),
]


@pytest.mark.parametrize(("tables", "columns", "line"), ONE_OUTCOME)
def test_one_outcome_is_told_before_training(
    tmp_path: Path, said: list[str], tables: dict[str, Any], columns: dict[str, Any], line: str
) -> None:
    """What ``inspect`` refuses, ``prepare`` tells: towers may still learn who takes what."""
    recipe, artifacts = ratings_recipe(**tables), write_raw(tmp_path, interactions=columns)
    prepare(recipe, artifacts, engine="polars")
    (logged,) = [each for each in said if line in each]
    assert logged in inspect(recipe, artifacts).refusals
