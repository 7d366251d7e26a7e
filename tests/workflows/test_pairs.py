"""Repeated interactions of a pair, the kinds of interactions and their weights."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from merlin.schema.io.tensorflow_metadata import TensorflowMetadata

from recipes.load import of_tables
from recipes.schema.recipe import Recipe
from sources.ingest import ingest
from stages.artifacts import PARTS, Artifacts
from stages.columns import EVENT_WEIGHT, POSITIVE, SEEN, WEIGHT
from stages.errors import ShortlistError
from workflows.inspection.counted import counted_interactions
from workflows.inspection.inspect import inspect
from workflows.inspection.tables import rows_of
from workflows.prepare import prepare

Shop = Callable[..., tuple[Recipe, Artifacts]]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """Ingests rows of user, item, day and kind; keyword arguments are further tables of the recipe."""

    def made(rows: list[tuple[str, str, int, Any]], **tables: Any) -> tuple[Recipe, Artifacts]:
        names = ("user", "item", "day", "event")
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        pq.write_table(pa.table(columns), tmp_path / "events.parquet")
        content = {
            "name": "shop",
            "source": {"kind": "parquet", "interactions": "events.parquet"},
            "columns": {"user": "user", "item": "item", "timestamp": "day"},
            "split": {"kind": "random", "test": 0.25, "valid": 0.25, "seed": 1},
            **tables,
        }
        recipe, artifacts = of_tables(content, folder=tmp_path), Artifacts(tmp_path / "made")
        ingest(recipe, artifacts, None)
        return recipe, artifacts

    return made


def prepared(recipe: Recipe, artifacts: Artifacts, **options: Any) -> pd.DataFrame:
    """The prepared rows of all parts, by user and item."""
    prepare(recipe, artifacts, **options)
    folders = [artifacts.prepared.raw_interactions(part) for part in PARTS]
    rows = pd.concat([pd.read_parquet(folder) for folder in folders])
    return rows.set_index(["user", "item"]).sort_index()


def bought(users: int = 8) -> list[tuple[str, str, int, str]]:
    """Each user views an item, buys it, and views it again; views another one twice; buys a third twice."""
    return [
        (f"u{user}", item, day, kind)
        for user in range(users)
        for item, day, kind in (
            ("a", 1, "view"),
            ("a", 2, "purchase"),
            ("a", 3, "view"),
            ("b", 4, "view"),
            ("b", 5, "view"),
            ("c", 6, "purchase"),
            ("c", 7, "purchase"),
        )
    ]


@pytest.mark.parametrize(
    "tables",
    [
        {"interactions": {"positive": "event == 'purchase'"}},
        {"events": {"column": "event", "positives": ["purchase"]}},
    ],
)
def test_a_pair_is_a_positive_if_one_of_its_interactions_is(
    shop: Shop, tables: dict[str, Any], said: list[str]
) -> None:
    """Its latest positive stays, or else its latest row; log and inspection say how many were merged."""
    recipe, artifacts = shop(bought(), **tables)
    rows = prepared(recipe, artifacts)
    assert len(rows) == 24
    assert set(rows.xs("a", level="item")["day"]) == {2}
    assert set(rows.xs("b", level="item")["day"]) == {5}
    assert set(rows.xs("c", level="item")["day"]) == {7}
    assert rows.groupby("item")[POSITIVE].all().to_dict() == {"a": True, "b": False, "c": True}
    expected = (
        r"32 repeated .* 8 of them are further positives of their pair, and 8 pairs are positives"
    )
    assert any(re.match(expected, line) for line in said)
    assert any("16 of them are positives" in line and "8 are not" in line for line in said)
    found = inspect(recipe, artifacts)
    assert (found.repeated, found.positives_merged, found.positive_before) == (32, 8, 8)
    assert "latest positive of each pair" in rows_of(found)["repeated (user, item) pairs"]
    counted = counted_interactions(recipe, artifacts.raw)
    times = counted.frame.select("user", "item", "time", "positive").rows()
    expected_rows = rows.reset_index()[["user", "item", "day", POSITIVE]]
    assert sorted(times) == sorted(expected_rows.itertuples(index=False, name=None))


def test_without_times_the_last_positive_row_is_kept(shop: Shop) -> None:
    """A recipe without a timestamp keeps the order of the table."""
    rows = [(*row[:2], number, row[3]) for number, row in enumerate(bought())]
    tables = {"columns": {"user": "user", "item": "item", "label": "day"}}
    recipe, artifacts = shop(rows, **tables, interactions={"positive": "event == 'purchase'"})
    first = prepared(recipe, artifacts).loc["u0"]["day"]
    assert first.to_dict() == {"a": 1, "b": 4, "c": 6}


WEIGHTS = {"view": 1, "cart": 3, "purchase": 10, "impression": 0}


@pytest.mark.parametrize("engine", ["polars", "dask"])
def test_kinds_have_weights_positives_and_what_counts_as_seen(
    shop: Shop, engine: str, said: list[str]
) -> None:
    """The kept row's kind weighs; a pair is seen if any of its rows is; weight 0 drops a row."""
    more = [(f"u{user}", "d", 8, "cart") for user in range(8)]
    more += [(f"u{user}", "a", 9, "impression") for user in range(8)]
    more += [(f"u{user}", "b", 3, "cart") for user in range(8)]
    recipe, artifacts = shop(
        bought() + more,
        events={
            "column": "event",
            "weights": WEIGHTS,
            "positives": ["purchase", "view"],
            "seen": ["purchase", "cart"],
        },
    )
    rows = prepared(recipe, artifacts, engine=engine).loc["u3"]
    assert rows[POSITIVE].to_dict() == {"a": True, "b": True, "c": True, "d": False}
    assert rows[SEEN].to_dict() == {"a": True, "b": True, "c": True, "d": True}
    assert rows[EVENT_WEIGHT].to_dict() == {"a": 1, "b": 1, "c": 10, "d": 3}
    assert "dropped 8 interactions with weight 0" in said
    schema = TensorflowMetadata.from_proto_text_file(
        str(artifacts.prepared.root), artifacts.prepared.schema.name
    ).to_merlin_schema()
    assert schema.select_by_tag(WEIGHT).column_names == [EVENT_WEIGHT]
    assert SEEN not in schema.column_names
    found = inspect(recipe, artifacts)
    assert found.weightless == 8
    kinds = next(each for each in found.balances if each.of == "event")
    assert ("cart (weight 3)", 8) in kinds.outcomes


def test_integer_kinds_are_named_as_text(shop: Shop) -> None:
    """A recipe names kind 2 as "2"."""
    rows = [(*row[:3], 2 if row[3] == "purchase" else 1) for row in bought()]
    recipe, artifacts = shop(rows, events={"column": "event", "positives": ["2"]})
    assert prepared(recipe, artifacts)[POSITIVE].sum() == 16


def test_kinds_that_the_recipe_does_not_weigh_are_refused_by_name(shop: Shop) -> None:
    """The message has the file, the kinds found with their rows, and the likely meaning."""
    rows = [*bought(), ("u1", "z", 1, "vlew")]
    weights = {"view": 1, "purchase": 2}
    expected = (
        r"every kind in column 'event' of .*events.parquet, which are 'view' \(32\), 'purchase' \(24\), "
        r"'vlew' \(1\), got none for 'vlew' \(did you mean 'view'\?\)"
    )
    with pytest.raises(ShortlistError, match=expected):
        shop(rows, events={"column": "event", "weights": weights})


def test_a_kind_that_never_occurs_is_logged(shop: Shop, said: list[str]) -> None:
    """It may be rare, so it is no error; the inspection says so too."""
    recipe, artifacts = shop(
        bought(), events={"column": "event", "positives": ["purchase", "veiw"]}
    )
    expected = (
        "Kind 'veiw', which [events] names, is not in column 'event', whose kinds are 'view' (32), "
        "'purchase' (24) (did you mean 'view'?)."
    )
    prepare(recipe, artifacts)
    assert expected in said
    assert expected in inspect(recipe, artifacts).remarks


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([None, "view"], "no null kinds in column 'event' of .*got 1 in 2 rows"),
        ([0.5, 1.5], "column 'event' of .* to be text or integers"),
    ],
)
def test_a_column_that_holds_no_kinds_is_refused(
    shop: Shop, kinds: list[Any], expected: str
) -> None:
    """Null and fractional kinds mean nothing."""
    rows = [("u1", str(place), place, kind) for place, kind in enumerate(kinds)]
    with pytest.raises(ShortlistError, match=expected):
        shop(rows, events={"column": "event"})


def test_weights_below_zero_are_refused(shop: Shop) -> None:
    """They are not dropped as those of 0 are; infinite ones are refused where the table is read."""
    columns = {"user": "user", "item": "item", "weight": "event"}
    rows = [("u1", "a", 1, 1.0), ("u1", "b", 2, 0.0), ("u1", "c", 3, -2.0)]
    recipe, artifacts = shop(rows, columns=columns)
    with pytest.raises(ShortlistError, match=r"got -2 and 1 below 0 among the 2 interactions"):
        prepare(recipe, artifacts)
    with pytest.raises(ShortlistError, match="expected finite numbers in column 'event'"):
        shop([("u1", "a", 1, float("-inf"))], columns=columns)


def test_all_weights_may_not_be_zero(shop: Shop) -> None:
    """Then no interaction is left."""
    rows = [("u1", "a", 1, 0.0), ("u1", "b", 2, 0.0)]
    recipe, artifacts = shop(rows, columns={"user": "user", "item": "item", "weight": "event"})
    with pytest.raises(ShortlistError, match="got 0 of 2 rows: all that are left have weight 0"):
        prepare(recipe, artifacts)


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        (
            {"columns": {"user": "u", "item": "i", "weight": "w"}, "events": {"weights": {"a": 1}}},
            "expected columns.weight or events.weights, got both",
        ),
        (
            {"interactions": {"positive": "r > 3"}, "events": {"positives": ["a"]}},
            "expected interactions.positive or events.positives, got both",
        ),
        ({"events": {"column": "u"}}, "as events.column, got 'u', which is an id"),
        (
            {"events": {"weights": {"view": 1}, "positives": ["veiw"]}},
            r"weight above 0 in `weights` for 'veiw', which `positives` names, got none "
            r"\(did you mean 'view'\?\)",
        ),
        (
            {"events": {"weights": {"a": 0, "b": 1}, "seen": ["a"]}},
            "weight above 0 in `weights` for 'a', which `seen` names, got a weight of 0",
        ),
        ({"events": {"weights": {"a": 0}}}, "got 0 for every kind"),
        ({"events": {"weights": {"a": -1}}}, "greater than or equal to 0, got -1"),
        ({"events": {"positives": []}}, "events.positives: "),
    ],
)
def test_contradictions_in_the_recipe_are_refused(tables: dict[str, Any], expected: str) -> None:
    """Each meaning is set once, and kinds agree."""
    content = {
        "name": "shop",
        "source": {"kind": "parquet", "interactions": "x.parquet"},
        "columns": {"user": "u", "item": "i"},
        "split": {"kind": "random"},
        **tables,
    }
    if "events" in content:
        content["events"] = {"column": "event", **content["events"]}
    with pytest.raises(ShortlistError, match=expected):
        of_tables(content)
