"""Inspecting raw data: what is counted, and what is refused."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from recipes.schema.recipe import Recipe
from stages.artifacts import PARTS, Artifacts
from stages.columns import POSITIVE
from stages.errors import ShortlistError
from tests.splits import split_table
from tests.workflows.ratings import ratings_recipe, write_raw
from workflows.inspection.counted import counted_interactions
from workflows.inspection.facts import ColumnFacts, Inspection
from workflows.inspection.inspect import inspect
from workflows.prepare import prepare


def _column(found: Inspection, name: str) -> ColumnFacts:
    return next(column for column in found.columns if column.name == name)


def test_every_figure_of_a_table_that_can_be_counted_by_hand(tmp_path: Path) -> None:
    """Rows, parts, nulls, distinct values and the commonest one match the tables."""
    ages = [None, *[30.0] * 30, *[40.0] * 9]
    artifacts = write_raw(tmp_path, users={"age": ages})
    found = inspect(ratings_recipe(), artifacts)
    assert found.tables == {"interactions": 800, "users": 40, "items": 20}
    assert (found.filtered, found.repeated, found.counted) == (800, 0, 800)
    assert found.parts == {"train": 480, "valid": 120, "test": 200}
    age, genre, tags = (_column(found, name) for name in ("age", "genre", "tags"))
    assert (age.rows, age.nulls, age.distinct, age.commonest) == (40, 1, 2, ("30", 0.75))
    assert (genre.nulls, genre.distinct, genre.commonest) == (0, 2, ("crime", 0.5))
    # 15 of 20 items have two tags, 5 have none, which counts as null
    assert (tags.rows, tags.nulls, tags.distinct, tags.commonest) == (20, 0, 2, ("long", 3 / 7))
    assert [balance.outcomes for balance in found.balances] == [
        (("1", 160), ("2", 160), ("3", 160), ("4", 160), ("5", 160))
    ]
    assert found.span is not None
    assert (found.span.first, found.span.last) == (0, 799)
    assert [sum(counts) for counts in found.span.along] == [480, 120, 200]
    users, items = found.activity
    assert (users.least, users.median, users.most) == (20, 20, 20)
    assert items.by_doubling == (0, 0, 0, 0, 0, 20)  # 40 each
    assert found.refusals == ()


def test_cold_users_and_items_are_those_that_training_has_not_seen(tmp_path: Path) -> None:
    """In a split by time the last items are new, while all users are known."""
    found = inspect(ratings_recipe(), write_raw(tmp_path))
    users, items = found.cold
    assert (users.ids, users.of_ids, users.rows, users.of_rows) == (0, 40, 0, 200)
    assert (items.ids, items.of_ids, items.rows, items.of_rows) == (5, 5, 200, 200)
    assert any(
        "200 of the 200 interactions of the test part are of items" in remark
        for remark in found.remarks
    )


def test_repeated_pairs_are_counted_and_the_latest_is_kept(tmp_path: Path) -> None:
    """Negative ids and text ids alike: each user takes two items over and over."""
    items = [number // 40 % 2 - 1 for number in range(800)]
    artifacts = write_raw(tmp_path, interactions={"item": items})
    counted = counted_interactions(ratings_recipe(), artifacts.raw)
    assert (counted.repeated, len(counted.frame)) == (720, 80)
    assert counted.frame["time"].to_list() == list(range(720, 800))
    kept = ratings_recipe(interactions={"repeats": True})
    assert inspect(kept, artifacts).counted == 800


INTERACTIONS: list[dict[str, Any]] = [
    {},
    {"filter": "stars >= 3 and channel == 'web'", "positive": "stars > 3"},
]


@pytest.mark.parametrize("interactions", INTERACTIONS)
@pytest.mark.parametrize("kind", ["random", "stratified", "temporal", "leave-last-out"])
def test_parts_are_those_of_the_preparation(
    shop: Artifacts, shop_recipe: Callable[..., Recipe], interactions: dict[str, Any], kind: str
) -> None:
    """The inspected train, valid and test parts are, pair by pair, those that training gets."""
    recipe = shop_recipe(
        interactions=interactions,
        split=split_table(kind, test=0.25, valid=0.2),
        vocabulary={"item_frequency_threshold": 2, "drop_rare": True},
    )
    counted = counted_interactions(recipe, shop.raw)
    prepare(recipe, shop, force=False)
    for code, part in enumerate(PARTS):
        rows = counted.frame.filter(part=code)
        prepared = pd.read_parquet(shop.prepared.raw_interactions(part))
        names = [recipe.columns.user, recipe.columns.item, recipe.columns.timestamp]
        expected = prepared[names].itertuples(index=False, name=None)
        assert sorted(rows.select("user", "item", "time").rows()) == sorted(expected)
        if "positive" in rows.columns:
            assert rows["positive"].sum() == prepared[POSITIVE].sum()


def test_no_rows_left_and_bad_conditions_are_errors(tmp_path: Path) -> None:
    """Data that cannot be inspected at all raise an error with the recipe key."""
    artifacts = write_raw(tmp_path)
    for condition, complaint in (
        ("stars > 9", r"0 of 800 .*`stars > 9` holds for none"),
        ("star > 9", "expected a column among: .*channel.*got 'star'"),
    ):
        with pytest.raises(ShortlistError, match=complaint):
            inspect(ratings_recipe(interactions={"filter": condition}), artifacts)


def test_a_part_of_the_run_that_is_missing_is_named_with_its_command(tmp_path: Path) -> None:
    """Without raw tables there is nothing to inspect."""
    with pytest.raises(ShortlistError, match="shortlist prepare ratings"):
        inspect(ratings_recipe(), Artifacts(tmp_path))


MOMENT = datetime.datetime(2024, 2, 29, 22, 30, tzinfo=datetime.UTC)
UTC = pa.timestamp("us", tz="UTC")


@pytest.mark.parametrize(
    ("times", "first"),
    [
        (pa.array([int(MOMENT.timestamp())], pa.int64()), MOMENT),
        (pa.array([MOMENT], UTC), MOMENT),
    ],
)
def test_time_is_read_from_every_type_that_it_may_have(
    tmp_path: Path, times: pa.Array, first: datetime.datetime
) -> None:
    """Seconds and a datetime; all 800 interactions are at one time."""
    at = pa.concat_arrays([times] * 800)
    recipe = ratings_recipe(split={"kind": "random", "test": 0.25, "valid": 0.2})
    span = inspect(recipe, write_raw(tmp_path, interactions={"at": at})).span
    assert span is not None
    assert (span.first, span.last) == (first.timestamp(), first.timestamp())
    assert sum(map(sum, span.along)) == 800


def test_a_day_is_compared_as_the_preparation_does(tmp_path: Path) -> None:
    """A condition on a column of times: from the second of March on."""
    days = [MOMENT.replace(month=3, day=1 + number // 400, hour=0) for number in range(800)]
    artifacts = write_raw(tmp_path, interactions={"at": pa.array(days, UTC)})
    recipe = ratings_recipe(interactions={"filter": "at >= '2024-03-02'"})
    assert counted_interactions(recipe, artifacts.raw).filtered == 400


def test_a_split_that_fails_is_one_of_the_reasons(tmp_path: Path) -> None:
    """Each user occurs once, so leave-last-out holds nothing out, and the reason says so."""
    recipe = ratings_recipe(split={"kind": "leave-last-out"})
    users = {"user": [f"u{number}" for number in range(800)]}
    found = inspect(recipe, write_raw(tmp_path, interactions=users))
    assert found.parts == {"train": 800, "valid": 0, "test": 0}
    no_split, no_user_twice = found.refusals
    assert no_split.startswith("expected rows in the valid part of the split, got none of 800")
    assert "a model cannot learn about any user" in no_user_twice
    assert found.cold == ()


def _outcome(value: Callable[[int], int]) -> dict[str, Any]:
    return {"interactions": {"stars": [value(number) for number in range(800)]}}


#: Each of 20 items gets the same 1 to 5 stars from every user.
_BY_ITEM = _outcome(lambda number: number // 40 % 5 + 1)
NONSENSE: list[tuple[dict[str, Any], dict[str, Any], list[str]]] = [
    (_outcome(lambda number: 3), {}, ["'stars' (columns.label), got 3 in all of the 800"]),
    (
        {"interactions": {"user": list(range(800))}, "users": {"user": list(range(40))}},
        {},
        ["'user' (columns.user), got a different id in each of the 800", "about any user"],
    ),
    (
        {"interactions": {"item": list(range(800))}},
        {},
        ["'item' (columns.item), got a different id in each", "about any item"],
    ),
    (_BY_ITEM, {}, ["reveal the outcome, got 'item' (columns.item)", "the label exactly"]),
    (
        _BY_ITEM | {"items": {"genre": ["abcde"[number % 5] for number in range(20)]}},
        {},
        [
            "got 'genre' (features.item.genre)",
            "determines the label exactly",
            "Remove features.item.genre",
        ],
    ),
    (
        _outcome(lambda number: number % 40 % 5 + 1)
        | {"users": {"age": [float(number % 5) for number in range(40)]}},
        {"interactions": {"positive": "stars == 2"}},
        ["got 'age' (features.user.age)", "determines the label exactly"],
    ),
    (
        _outcome(lambda number: (number + number // 40) % 4),
        {"interactions": {"positive": "stars > 5"}},
        ["interactions.positive `stars > 5` holds for none of the 800"],
    ),
    (
        _outcome(lambda number: (number + number // 40) % 4),
        {
            "interactions": {"positive": "stars >= 0"},
            "ranker": {"target": "positives"},
        },
        ["interactions.positive `stars >= 0` holds for all of the 800"],
    ),
]


@pytest.mark.parametrize(("tables", "recipe", "complaints"), NONSENSE)
def test_what_would_train_to_nonsense_is_refused_with_column_and_remedy(
    tmp_path: Path, tables: dict[str, Any], recipe: dict[str, Any], complaints: list[str]
) -> None:
    """Constant outcomes, ids that no two rows share, and columns that reveal the outcome."""
    found = inspect(ratings_recipe(**recipe), write_raw(tmp_path, **tables))
    (refusal,) = found.refusals
    for complaint in complaints:
        assert complaint in refusal
    assert refusal in artifacts_page(tmp_path)


def artifacts_page(folder: Path) -> str:
    """The page's text as a reader sees it."""
    import html

    return html.unescape((folder / "ratings" / "inspection.html").read_text(encoding="utf-8"))


def test_all_reasons_are_reported_at_once(tmp_path: Path) -> None:
    """A constant label and an id that differs in every row are both reported."""
    interactions = {"stars": [1] * 800, "item": list(range(800))}
    found = inspect(ratings_recipe(), write_raw(tmp_path, interactions=interactions))
    assert [reason.split(" (")[0] for reason in found.refusals] == [
        "expected items with several interactions in column 'item'",
        "expected at least two labels in column 'stars'",
    ]


def test_a_number_that_reveals_the_outcome_is_refused(tmp_path: Path) -> None:
    """All ages differ, so no value has ten rows; ages above 40 are the positives."""
    numbers = range(800)
    tables: dict[str, Any] = {
        "interactions": {
            "user": [f"u{number % 400}" for number in numbers],
            "stars": [int(number % 50 > 40) for number in numbers],
        },
        "users": {
            "user": [f"u{number}" for number in range(400)],
            "age": [number % 50 + number / 1000 for number in range(400)],
        },
    }
    split = {"kind": "random", "test": 0.25, "valid": 0.2}
    found = inspect(ratings_recipe(split=split), write_raw(tmp_path, **tables))
    (refusal,) = found.refusals
    assert "reveal the outcome, got 'age' (features.user.age): alone it predicts" in refusal
    assert "with an AUC of 1.0000" in refusal


REMARKS: list[tuple[dict[str, Any], str]] = [
    ({"users": {"age": [None] * 39 + [float("nan")]}}, "'age' (features.user.age) has no values"),
    ({"items": {"genre": ["drama"] * 20}}, "'genre' (features.item.genre) has one value in all"),
    (
        {"interactions": {"at": [1_700_000_000_000 + number for number in range(800)]}},
        "Are they milliseconds?",
    ),
    (
        {
            "interactions": {
                "stars": [
                    (number + number // 40) % (5 - number // 600 * 3) + 1 for number in range(800)
                ]
            }
        },
        "'stars' (columns.label) differs between train and test",
    ),
    (
        {
            "users": {"user": [f"u{number}" for number in range(101)], "age": [1.0] * 101},
            "items": {
                "item": list(range(101)),
                "genre": [f"g{number}" for number in range(101)],
                "tags": [[]] * 101,
            },
        },
        "'genre' (features.item.genre) has a different value in each of the 101 items",
    ),
]


@pytest.mark.parametrize(("tables", "remark"), REMARKS)
def test_remarks_do_not_refuse_the_data(
    tmp_path: Path, tables: dict[str, Any], remark: str
) -> None:
    """Columns without information, time in the wrong unit, and drift do not prevent training."""
    found = inspect(ratings_recipe(), write_raw(tmp_path, **tables))
    assert any(remark in each for each in found.remarks), found.remarks
    assert found.refusals == ()
