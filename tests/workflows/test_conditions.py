"""The recipe's filter condition."""

import re
from datetime import UTC, datetime

import polars as pl
import pytest

from stages.errors import ShortlistError
from workflows.conditions import selected

FRAME = pl.DataFrame(
    {
        "rating": [1.0, 4.0, 5.0, None],
        "at": [10, 20, 30, 40],
        "kind": ["film", "song", None, "film"],
        "ok": [True, None, False, True],
        "score": [1.0, float("nan"), 3.0, None],
        "tags": [["a"], ["a", "b"], [], None],
        "a name": [1, 2, 3, 4],
        "in": [1, 2, 3, 4],
        "a`*": [1, 2, 3, 4],
        "^a.*$": [3, 4, 5, 3],
        "": [1, 1, 2, 2],
        "*": [9, 8, 9, 8],
        "day": [datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4)],
        "big": [2**53, 2**53 + 1, None, 2**63 - 1],
    }
)
SCHEMA = FRAME.schema


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("rating >= 4", [1, 2]),
        ("rating >= 4 and at > 20", [2]),
        ("rating < 2 or at == 40", [0, 3]),
        ("not rating >= 4", [0, 3]),
        ("10 < at <= 30", [1, 2]),
        ("kind == 'film'", [0, 3]),
        ("kind in ('song', 'book')", [1]),
        ("kind not in ['song']", [0, 3]),
        ("kind != 'film'", [1]),
        ("rating != 4", [0, 2]),
        ("at > -1 and (rating == 5 or ok == True)", [0, 2, 3]),
        ("rating > at", []),
        ("score != 3", [0]),
        ("not score > 2", [0, 1, 3]),
        ("ok == true", [0, 3]),
        ("ok != true", [2]),
        ("ok == 1", [0, 3]),
        ("at > 19.5", [1, 2, 3]),
        ("at == 20.5", []),
        ("big == 9007199254740993", [1]),
        ("big < 1e30 and big != 9007199254740992", [1, 3]),
        ("'2024-01-02' < day < '2024-01-03 12:00'", [2]),
        ("day in ['2024-01-02', '2024-01-04']", [1, 3]),
        ("day == '2024-01-03T02:00+02:00'", [2]),
        ("tags has 'a'", [0, 1]),
        ("tags in ['b', 'c']", [1]),
        ("tags not in ['b']", [0]),
        ("`a name` > 2", [2, 3]),
        ("`in` == 4 or at == 10", [0, 3]),
        ("`in` <= `a name`", [0, 1, 2, 3]),
        ("`a``*` < `^a.*$`", [0, 1, 2]),
        ("`` == 2", [2, 3]),
        ("`^a.*$` > 3 and `*` < 9", [1]),
    ],
)
def test_rows_that_fulfil_the_condition(text: str, rows: list[int]) -> None:
    """Each form of condition selects the expected rows; a null fulfils no comparison."""
    mask = FRAME.select(selected("interactions.filter", text, SCHEMA)).to_series()
    assert mask.dtype == pl.Boolean
    assert mask.to_numpy().nonzero()[0].tolist() == rows


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true') == 0",
        "rating.__class__ == 1",
        "(lambda: 1)() == 1",
        "rating + 1 > 2",
        "rating",
        "1 < 2",
        "True",
        "rating >= ",
        "rating in at",
        "kind is 'film'",
        "rating >= [1]",
        "rating in (at, 1)",
        "kind == b'film'",
        "",
        "rating >= 4\x00",
    ],
)
def test_text_that_is_not_a_condition_is_refused(text: str) -> None:
    """Calls, attributes, arithmetic and the like are rejected when parsed, with an example of a condition."""
    with pytest.raises(ShortlistError, match="to be a condition on the interactions") as caught:
        selected("interactions.filter", text, SCHEMA)
    assert "rating >= 4" in str(caught.value)


def test_an_unknown_column_is_named_with_those_that_are_there() -> None:
    """The message has the condition, the column and the columns to choose from."""
    with pytest.raises(
        ShortlistError, match=r"`stars > 3`.*expected a column among: .*rating.*got 'stars'"
    ):
        selected("interactions.filter", "stars > 3", SCHEMA)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("kind > 3", "'kind' holds strings: expected a string, got 3"),
        ("at in (1, 'x')", "'at' holds numbers: expected a number, got 'x'"),
        (
            "kind == at",
            "expected columns of the same type, got 'kind' with strings and 'at' with numbers",
        ),
        ("at == true", "'at' holds numbers: expected a number, got true"),
        ("ok == 'yes'", "'ok' holds booleans: expected true or false, got 'yes'"),
        ("ok >= true", "'ok' holds booleans: expected == or != after it, got >="),
        ("day > 5", 'expected a time such as "2024-01-31 12:00", got 5'),
        ("day > 'soon'", "expected a time such as \"2024-01-31 12:00\", got 'soon'"),
        (
            "tags == 'a'",
            "expected `has` or `in` after 'tags', which holds lists of strings, got ==",
        ),
    ],
)
def test_types_that_do_not_compare_are_explained(text: str, reason: str) -> None:
    """Text compared with a number, a time with a value that is not one: the message has the condition."""
    with pytest.raises(ShortlistError, match=re.escape(reason)) as caught:
        selected("interactions.filter", text, SCHEMA)
    assert f"`{text}`" in str(caught.value)
