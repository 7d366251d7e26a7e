"""Counts, ages and targets in the prepared output, with numbers worked out by hand."""

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.prepared import PreparedData
from recipes.schema.recipe import Recipe
from runtime.features.encoding import Encoding
from runtime.features.target import Target
from stages.artifacts import Artifacts
from tests.workflows.engines import prepared_by, random_recipe
from tests.workflows.served import assert_served_as_prepared
from workflows.engines.choice import Engine

DAY = 86_400
#: User, item, day, stars, in the test part. The newest of the training part is on day 10.
ROWS = [
    ("a", 1, 10, 5, False),
    ("a", 2, 9, 1, False),
    ("a", 3, 2, 3, False),
    ("b", 1, 3, 4, False),
    ("b", 2, 10, 2, False),
    ("b", 3, 1, 5, False),
    ("c", 1, 99, 5, True),
    ("c", 2, 8, 4, False),
    ("c", 3, 7, 1, False),
    ("c", 4, 0, 2, False),
]


SECONDS = pa.int64()


def raw_tables(times: pa.DataType = SECONDS) -> dict[str, pa.Table]:
    """Three users and five items; item 5 is never taken, user d is only in the users table."""
    who, what, days, stars, held = map(list, zip(*ROWS, strict=True))
    at = pa.array([day * DAY for day in days], pa.int64())
    at = at if times == SECONDS else at.cast(pa.timestamp("s")).cast(times)
    made = pa.array([0, 5 * DAY, None, 11 * DAY, 10 * DAY + 1], pa.int64())
    return {
        "interactions": pa.table(
            {"who": who, "what": what, "at": at, "stars": stars, "held": held}
        ),
        "users": pa.table({"who": ["a", "b", "c", "d"], "country": ["DE", "FR", "DE", None]}),
        "items": pa.table(
            {
                "what": [1, 2, 3, 4, 5],
                "brand": ["x", "y", "x", None, "z"],
                "made": made if times == SECONDS else made.cast(pa.timestamp("s")).cast(times),
            }
        ),
    }


def recipe_of(
    user: dict[str, Any] | None = None, item: dict[str, Any] | None = None, **more: Any
) -> Recipe:
    """Return the recipe that ``ROWS`` need, with min-max scaled numeric features."""
    features = {
        side: {name: {"scale": "min-max", **feature} for name, feature in (given or {}).items()}
        for side, given in (("user", user), ("item", item))
    }
    split = {"kind": "given", "column": "held", "valid": 0.3}
    return random_recipe(features=features, split=split, interactions={"repeats": True}, **more)


def raw_numbers(artifacts: Artifacts, side: str, name: str) -> list[float]:
    """Return a column of the users or items table before scaling."""
    encoding = json.loads((artifacts.prepared.encoding / "encoding.json").read_text())
    entry = next(one for one in encoding[f"{side}_features"] if one["name"] == name)
    path = artifacts.prepared.users if side == "user" else artifacts.prepared.items
    scaled = pd.read_parquet(path)[name].to_numpy().astype(np.float64)
    return (scaled * entry["std"] + entry["mean"]).tolist()


@pytest.fixture(params=["polars", "dask"])
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.param


def test_counts_are_of_the_training_part(tmp_path: Path, engine: Engine) -> None:
    """All interactions, those of the last day, and positives; without any the count is 0; no test rows."""
    item = {
        "taken": {"kind": "count"},
        "lately": {"kind": "count", "days": 1.0},
        "liked": {"kind": "count", "positive": True},
    }
    user = {"busy": {"kind": "count"}}
    recipe = recipe_of(user, item)
    recipe = recipe.model_copy(
        update={"interactions": recipe.interactions.model_copy(update={"positive": "stars >= 4"})}
    )
    artifacts = prepared_by(engine, recipe, raw_tables(), tmp_path)
    assert raw_numbers(artifacts, "item", "taken") == pytest.approx([2, 3, 3, 1, 0])
    assert raw_numbers(artifacts, "item", "lately") == pytest.approx([1, 2, 0, 0, 0])
    assert raw_numbers(artifacts, "item", "liked") == pytest.approx([2, 1, 1, 0, 0])
    assert raw_numbers(artifacts, "user", "busy") == pytest.approx([3, 3, 3, 0])
    counts = pq.read_table(artifacts.prepared.counts("item")).to_pydict()
    assert counts["what"] == [1, 2, 3, 4, 5]
    assert counts["taken"] == [2, 3, 3, 1, 0]
    assert not artifacts.prepared.out_of_fold("item").exists()


@pytest.mark.parametrize("times", [SECONDS, pa.timestamp("ms"), pa.timestamp("us", "UTC")])
def test_ages_are_days_to_the_newest_training_interaction(
    tmp_path: Path, engine: Engine, times: pa.DataType
) -> None:
    """Seconds or datetimes; a later time has a negative age, a missing one is filled."""
    age = {"kind": "age", "of": "made", "fill": -7.0}
    recipe = recipe_of(item={"age": age, "made": {"kind": "age", "clip": [0, 6]}})
    artifacts = prepared_by(engine, recipe, raw_tables(times), tmp_path)
    days = [10, 5, -7, -1, -1 / DAY]
    assert raw_numbers(artifacts, "item", "age") == pytest.approx(days, abs=1e-6)
    assert raw_numbers(artifacts, "item", "made") == pytest.approx([6, 5, 0, 0, 0], abs=1e-6)


def test_an_age_is_served_from_the_reference_that_was_kept(tmp_path: Path) -> None:
    """Seconds, dates, datetimes and their text, for an item added later."""
    recipe = recipe_of(item={"made": {"kind": "age"}})
    artifacts = prepared_by("polars", recipe, raw_tables(), tmp_path)
    (made,) = Encoding.load(artifacts.prepared.encoding).item_features
    fifth = [5 * DAY, date(1970, 1, 6), datetime(1970, 1, 6), "1970-01-06", "1970-01-06T00:00:00Z"]
    prepared = pd.read_parquet(artifacts.prepared.items)["made"].tolist()
    assert made.encode(fifth).tolist() == [prepared[1]] * 5
    assert made.encode([None, "soon"]).tolist() == [prepared[2]] * 2


def test_an_age_is_served_to_the_last_bit(tmp_path: Path) -> None:
    """Seconds / 86,400 is not seconds * (1 / 86,400), and the newest is scaled to 0."""
    tables = raw_tables()
    made = pa.array([10 * DAY - seconds for seconds in (5, 2 * DAY, 3 * DAY, 4 * DAY, 5 * DAY)])
    tables["items"] = tables["items"].set_column(2, "made", made)
    recipe = recipe_of(item={"made": {"kind": "age", "fill": 9.0}})
    artifacts = prepared_by("polars", recipe, tables, tmp_path)
    assert_served_as_prepared(artifacts)


def target_recipe(of: list[str] | None = None) -> Recipe:
    """The mean stars of an item's brand and of a user's country, in two folds."""
    options = {"kind": "target", "smoothing": 1.0, "folds": 2}
    return recipe_of(
        {"rate": {**options, "of": "country"}}, {"brand": {**options, **({"of": of} if of else {})}}
    )


def test_targets_of_the_tables_are_of_all_of_the_training_part(
    tmp_path: Path, engine: Engine
) -> None:
    """Smoothed mean of the stars; null is a category, and an unseen category has the overall mean."""
    artifacts = prepared_by(engine, target_recipe(), raw_tables(), tmp_path)
    overall = 27 / 9
    x, y, none = (5 + 3 + 4 + 5 + 1 + overall) / 6, (1 + 2 + 4 + overall) / 4, (2 + overall) / 2
    assert raw_numbers(artifacts, "item", "brand") == pytest.approx([x, y, x, none, overall])
    de, fr = (5 + 1 + 3 + 4 + 1 + 2 + overall) / 7, (4 + 2 + 5 + overall) / 4
    assert raw_numbers(artifacts, "user", "rate") == pytest.approx([de, fr, de, overall])


def test_training_rows_are_told_of_other_users_alone(tmp_path: Path, engine: Engine) -> None:
    """Users a and c are in one fold, b in the other: the target of b's rows uses none of b's stars."""
    artifacts = prepared_by(engine, target_recipe(), raw_tables(), tmp_path)
    encoding = Encoding.load(artifacts.prepared.encoding)
    brand = encoding.item_features[0]
    assert isinstance(brand, Target)
    mean, std = brand.number.mean, brand.number.std
    found = {}
    for part in ("train", "valid", "test"):
        files = sorted(artifacts.prepared.interactions(part).glob("*.parquet"))
        rows = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
        raw = pd.read_parquet(artifacts.prepared.raw_interactions(part))
        for who, what, encoded in zip(raw["who"], raw["what"], rows["brand"], strict=True):
            found[who, what] = encoded * std + mean
    of_others = (5 + 1 + 3 + 4 + 1 + 2) / 6  # the stars of a and c
    of_b = (4 + 2 + 5) / 3
    expected = {
        ("b", 1): (5 + 3 + 1 + of_others) / 4,
        ("b", 2): (1 + 4 + of_others) / 3,
        ("b", 3): (5 + 3 + 1 + of_others) / 4,
        ("a", 1): (4 + 5 + of_b) / 3,
        ("a", 2): (2 + of_b) / 2,
        ("a", 3): (4 + 5 + of_b) / 3,
        ("c", 1): (5 + 3 + 4 + 5 + 1 + 3) / 6,  # test part: over all
        ("c", 2): (2 + of_b) / 2,
        ("c", 3): (4 + 5 + of_b) / 3,
        ("c", 4): of_b,
    }
    assert found == pytest.approx(expected)


def test_the_ranker_is_told_what_the_rows_say(tmp_path: Path) -> None:
    """Pairs of the training part have, column by column, the values of the prepared interactions."""
    artifacts = prepared_by("polars", target_recipe(), raw_tables(), tmp_path)
    data = PreparedData(artifacts.prepared)
    assert set(data.pair_schema.column_names) == {"rate", "brand"}
    assert not {"rate", "brand"} & {*data.query_schema.column_names, *data.users, *data.items}
    assert not {"rate", "brand"} & {*data.candidate_schema.column_names, *data.unknown_user}
    for part in ("train", "valid"):
        rows = data.labelled(part)
        columns = data.pair_columns(rows.users, rows.items)
        files = sorted(artifacts.prepared.interactions(part).glob("*.parquet"))
        written = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
        for name in ("who", "what", "rate", "brand"):
            assert columns[name].tolist() == written[name].tolist(), name
        unknown = data.pair_columns_of_unknown(rows.users, rows.items)
        assert unknown["brand"].tolist() == columns["brand"].tolist()
        (rate,) = Encoding.load(artifacts.prepared.encoding).user_features
        assert unknown["rate"].tolist() == rate.encode([None]).tolist() * len(rows)


def test_several_columns_count_together(tmp_path: Path, engine: Engine) -> None:
    """A pair of values is a category; one of them may be the id, which gives each item its own mean."""
    artifacts = prepared_by(engine, target_recipe(["brand", "what"]), raw_tables(), tmp_path)
    own = [(9 + 3) / 3, (7 + 3) / 4, (9 + 3) / 4, (2 + 3) / 2, 3]
    assert raw_numbers(artifacts, "item", "brand") == pytest.approx(own)
    brand = Encoding.load(artifacts.prepared.encoding).item_features[0]
    assert isinstance(brand, Target)
    assert brand.columns == ("brand", "what")
    prepared = pd.read_parquet(artifacts.prepared.items)["brand"].tolist()
    served = brand.encode(["x", "y", "x", None, "z", "x"], [1, "2", 3, 4, 5, 2])
    assert served.tolist() == [*prepared, prepared[4]]


def test_the_share_of_positives_stands_in_for_a_label(tmp_path: Path) -> None:
    """Without a label the target is the share of positives."""
    recipe = target_recipe()
    update = {
        "columns": recipe.columns.model_copy(update={"label": None}),
        "interactions": recipe.interactions.model_copy(update={"positive": "stars >= 4"}),
    }
    artifacts = prepared_by("polars", recipe.model_copy(update=update), raw_tables(), tmp_path)
    overall = 4 / 9
    expected = [(3 + overall) / 6, (1 + overall) / 4, (3 + overall) / 6, overall / 2, overall]
    assert raw_numbers(artifacts, "item", "brand") == pytest.approx(expected)


def test_a_target_that_does_not_vary_is_refused(tmp_path: Path) -> None:
    """The message names the feature, the label and its only value."""
    tables = raw_tables()
    stars = pa.array([3] * 6 + [5] + [3] * 3)
    tables["interactions"] = tables["interactions"].set_column(3, "stars", stars)
    message = prepared_by("polars", target_recipe(), tables, tmp_path)
    assert isinstance(message, str)
    assert "feature 'rate' of kind 'target'" in message
    assert "the label 'stars' = 3 in all of the 9 interactions" in message
