"""What a recorded event of each kind counts as."""

from typing import Any

import polars as pl
import pytest

from recipes.load import of_tables
from recipes.schema.recipe import Recipe
from workflows.event_kinds import event_kinds

ROWS = pl.DataFrame(
    {
        "user": ["u", "u", "v", "v"],
        "item": ["a", "b", "a", "c"],
        "event": ["view", "cart", "purchase", "impression"],
        "country": ["DE", "FR", "DE", "FR"],
        "code": [1, 2, 3, 4],
        "rating": [1.0, 2.0, 3.0, 4.0],
        "free text": ["x", "y", "z", "z"],
    }
).lazy()


def recipe(**tables: Any) -> Recipe:
    return of_tables(
        {
            "name": "shop",
            "source": {"kind": "parquet", "interactions": "x.parquet"},
            "columns": {"user": "user", "item": "item"},
            "split": {"kind": "random"},
            **tables,
        }
    )


@pytest.mark.parametrize(
    ("conditions", "history"),
    [
        ({"positive": "event == 'purchase'"}, ["purchase"]),
        ({"positive": "event in ['cart', 'purchase']"}, ["cart", "purchase"]),
        ({"positive": "event not in ['view', 'impression']"}, ["cart", "purchase"]),
        ({"filter": "event != 'impression'"}, ["cart", "purchase", "view"]),
        (
            {"filter": "not event == 'impression'", "positive": "event != 'view'"},
            ["cart", "purchase"],
        ),
        # A comparison of another column may hold for a recorded event.
        ({"positive": "event == 'purchase' and rating >= 4"}, ["purchase"]),
        (
            {"positive": "event == 'purchase' or rating >= 4"},
            ["cart", "impression", "purchase", "view"],
        ),
        ({"positive": "event == 'purchase' and country == 'DE'"}, ["purchase"]),
        (
            {"positive": "not (event == 'view' and rating < 2)"},
            ["cart", "impression", "purchase", "view"],
        ),
        ({"positive": "not (event == 'view' or rating < 2)"}, ["cart", "impression", "purchase"]),
        ({"positive": "`free text` == 'z'"}, ["z"]),
    ],
)
def test_conditions_are_decided_by_the_kind(conditions: dict[str, str], history: list[str]) -> None:
    """As far as the kind decides them; positives are the history and what is seen."""
    found = event_kinds(recipe(interactions=conditions), ROWS)
    assert found is not None
    assert list(found.history) == list(found.seen) == history


@pytest.mark.parametrize(
    "conditions",
    [
        {},
        {"positive": "rating >= 4"},
        {"positive": "code == 3"},
        {"positive": "country == 'DE' or `free text` == 'x'"},
        {"filter": "user != 'u'"},
        {"filter": "country == 'DE'"},
        {"filter": "country == 'DE'", "positive": "rating >= 4"},
    ],
)
def test_without_a_column_of_kinds_every_event_counts(conditions: dict[str, str]) -> None:
    """Numbers and ids are no kinds, and of several texts none is."""
    assert event_kinds(recipe(interactions=conditions), ROWS) is None


def test_the_table_of_events_decides() -> None:
    """Weight 0 drops a kind; other kinds than the positives may count as seen."""
    events = {
        "column": "event",
        "weights": {"view": 1, "cart": 2, "purchase": 3, "impression": 0, "refund": 1},
        "positives": ["view", "purchase"],
        "seen": ["purchase", "cart"],
    }
    found = event_kinds(recipe(events=events), ROWS)
    assert found is not None
    assert found.known == ("cart", "impression", "purchase", "refund", "view")
    assert (found.history, found.seen) == (("purchase", "view"), ("cart", "purchase"))


def test_kinds_may_be_integers() -> None:
    """An event then has the number as its name."""
    found = event_kinds(recipe(events={"column": "code", "positives": ["3"]}), ROWS)
    assert found is not None
    assert (found.known, found.history) == (("1", "2", "3", "4"), ("3",))
    conditions = {"positive": "code >= 3"}
    found = event_kinds(recipe(events={"column": "code"}, interactions=conditions), ROWS)
    assert found is not None
    assert found.history == ("3", "4")
