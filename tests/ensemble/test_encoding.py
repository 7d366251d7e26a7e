"""Raw values are encoded as the workflow encodes them."""

import json
import math
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from runtime.features.categorical import Categorical, Combined
from runtime.features.codes import hashed_code
from runtime.features.encoding import Encoding
from runtime.features.numeric import Age, Bucket, Numeric
from runtime.features.spelling import spell
from runtime.features.target import Statistics, Target

COLOURS = Categorical("colour", "string", {"red": 3, "blue": 4})
TAGS = Categorical("tags", "string", {"new": 3, "old": 4}, max_length=3)


@pytest.mark.parametrize(
    ("value", "dtype", "key"),
    [
        (7, "integer", "7"),
        (7.0, "integer", "7"),
        (np.int32(-1), "integer", "-1"),
        ("seven", "integer", "seven"),
        (7.5, "integer", "7.5"),
        (float("inf"), "integer", "inf"),
        (7, "float", "7.0"),
        (0.1, "float", "0.1"),
        (-0.0, "float", "0.0"),
        (True, "boolean", "true"),
        (np.False_, "boolean", "false"),
        ("007", "string", "007"),
    ],
)
def test_a_value_is_spelled_as_in_the_vocabulary(value: object, dtype: str, key: str) -> None:
    """Every raw type has one spelling; a value of the wrong type is spelled, not refused."""
    assert spell(value, dtype) == key


def test_categories_known_unknown_and_null() -> None:
    """A known value has its code, an unseen one 2, a missing one 1."""
    assert COLOURS.encode(["blue", "green", None, float("nan"), "red"]).tolist() == [4, 2, 1, 1, 3]


def test_lists_are_padded_and_cut() -> None:
    """A list keeps its first values and is padded with 0; a null list holds one null."""
    encoded = TAGS.encode(
        [["old", "new"], [], None, ["new", None, "odd", "old"], np.array(["old"])]
    )
    assert encoded.tolist() == [[4, 3, 0], [0, 0, 0], [1, 0, 0], [3, 1, 2], [4, 0, 0]]


def test_the_last_values_of_a_list_can_be_kept() -> None:
    """In their order, padded like the first ones."""
    tags = Categorical("tags", "string", {"new": 3, "old": 4}, max_length=2, keep_last=True)
    assert tags.encode([["old", "odd", "new"], ["old"], [], None]).tolist() == [
        *([2, 3], [4, 0], [0, 0], [1, 0])
    ]


def test_hashed_values_need_no_vocabulary() -> None:
    """Each gets one of ten codes, a number in any type the same one; a missing value gets 1."""
    size = Categorical("size", "integer", {}, hash_bins=10)
    assert size.encode([7, 7.0, None, "seven"]).tolist() == [
        *(hashed_code("7", 10), hashed_code("7", 10), 1, hashed_code("seven", 10))
    ]


def test_a_combination_is_made_of_raw_values_of_its_parts() -> None:
    """Known, unseen, null in one part, null in both."""
    together = Categorical("both", "string", {"3,4": 3, "1,3": 4})
    both = Combined((COLOURS, Bucket("age", np.array([18.0]))), together)
    assert (both.name, both.columns) == ("both", ("colour", "age"))
    assert both.encode(["red", None, "blue", None], [30, 5, 5, None]).tolist() == [3, 4, 2, 1]
    assert both.encode([], []).shape == (0,)


def test_features_that_share_a_vocabulary_hold_it_once(tmp_path: Path) -> None:
    """And a crossed feature finds its parts, which may be listed after it."""
    shared = {"kind": "categorical", "dtype": "string", "vocabulary": "shared.json"}
    content = {
        "format": 1,
        "user": shared | {"name": "user"},
        "item": shared | {"name": "item"},
        "user_features": [
            {
                "kind": "combined",
                "name": "both",
                "of": ["a", "b"],
                "dtype": "string",
                "hash_bins": 9,
            },
            shared | {"name": "a"},
            shared | {"name": "b", "list": True, "max_length": 2, "keep": "last"},
        ],
        "item_features": [shared | {"name": "c"}],
        "history": None,
    }
    (tmp_path / "encoding.json").write_text(json.dumps(content))
    encoding = Encoding.load(tmp_path)
    both, a, b = encoding.user_features
    assert isinstance(both, Combined)
    assert both.parts == (a, b)
    assert encoding.user_columns == ("a", "b")
    assert isinstance(a, Categorical)
    assert isinstance(b, Categorical)
    assert a.codes is b.codes
    assert b.keep_last


def test_buckets_count_the_boundaries_at_or_below() -> None:
    """A boundary belongs to the interval that it starts; null and text count as missing."""
    bucket = Bucket("age", np.array([18.0, 35.0]))
    assert bucket.encode([17, 18, 34.9, 35, None, "old"]).tolist() == [3, 4, 4, 5, 1, 1]


def test_numbers_are_filled_then_normalised() -> None:
    """A missing value becomes `fill` before normalisation; a constant column is not divided."""
    assert Numeric("price", 10.0, 4.0, 2.0).encode([10, 12, None]).tolist() == [0.0, 0.5, -2.0]
    assert Numeric("price", 10.0, 0.0, 2.0).encode([13]).tolist() == [3.0]
    assert Numeric("price", 10.0, 4.0, 2.0).encode([10]).dtype == np.float32


def test_an_infinite_number_counts_as_missing() -> None:
    """Nobody can store one now, but an older feature store may hold one, and text such as "1e999" is one."""
    assert Numeric("price", 10.0, 4.0, 2.0).encode([math.inf, "1e999"]).tolist() == [-2.0, -2.0]
    assert Bucket("age", np.array([18.0])).encode([-math.inf]).tolist() == [1]


def test_numbers_are_clipped_before_logarithms_are_taken() -> None:
    """Clipping first, then log(1 + x) on either side of zero, then scaling."""
    number = Numeric("price", 1.0, 2.0, 0.0, clip=(-3.0, math.e - 1), log=True)
    expected = [0.0, 0.0, -0.5, (-math.log(4) - 1) / 2]
    assert number.encode([100, math.e - 1, None, -9]).tolist() == pytest.approx(expected)


def test_ages_are_days_before_the_reference() -> None:
    """Seconds, dates and datetimes, or text, in any time zone; anything else is filled."""
    age = Age("made", 10 * 86_400, Numeric("age", 0.0, 1.0, -9.0))
    zone = timezone(timedelta(hours=12))
    times = [0, 86_400.0, date(1970, 1, 3), datetime(1970, 1, 4, 12), "1970-01-05T06:00"]
    assert age.encode([*times, datetime(1970, 1, 1, tzinfo=zone)]).tolist() == [
        *[10, 9, 8, 6.5, 5.75],
        10.5,
    ]
    nothing: list[object] = [None, float("nan"), "soon", "", [], 10**400, "0001-01-01T00:00+05:00"]
    assert age.encode(nothing).tolist() == [-9.0] * len(nothing)
    assert age.encode([datetime(1969, 12, 31, 23, 59, 59, 999_999)]).tolist() == pytest.approx(
        [10 + 1 / 86_400]
    )


def test_targets_are_looked_up_by_several_values(tmp_path: Path) -> None:
    """Spelled like categories, null included; unseen values get the overall mean."""
    statistics = tmp_path / "rate.json"
    statistics.write_text('[[["red", "7"], 0.5], [["red", null], 0.25]]')
    target = Target(
        ("colour", "size"),
        ("string", "integer"),
        Statistics(statistics),
        2.0,
        Numeric("rate", 0, 1, 0),
    )
    colours, sizes = ["red", "red", "red", "blue", None], [7.0, None, 8, 7, None]
    assert target.encode(colours, sizes).tolist() == [0.5, 0.25, 2.0, 2.0, 2.0]
    assert target.encode([], []).shape == (0,)


def test_no_rows_is_no_error() -> None:
    """Each encoder gives an empty array of its shape for no values."""
    assert COLOURS.encode([]).shape == (0,)
    assert TAGS.encode([]).shape == (0, 3)
    assert Numeric("price", 0, 1, 0).encode([]).shape == (0,)


def test_history_keeps_the_most_recent_oldest_first(tmp_path: Path) -> None:
    """A long history keeps its last items in order; OOV items have code 2."""
    item = {"name": "item", "kind": "categorical", "dtype": "integer", "vocabulary": "item.json"}
    content = {
        "format": 1,
        "user": item | {"name": "user"},
        "item": item,
        "user_features": [],
        "item_features": [],
        "history": {"name": "item_history", "length": 3},
    }
    (tmp_path / "encoding.json").write_text(json.dumps(content))
    (tmp_path / "item.json").write_text(json.dumps(["10", "20", "30"]))
    encoding = Encoding.load(tmp_path)
    encoded = encoding.encode_history([["10", "20", "99", "30"], ["20"], []])
    assert encoded.tolist() == [[4, 2, 5], [4, 0, 0], [0, 0, 0]]


def test_an_encoding_of_another_format_is_refused(tmp_path: Path) -> None:
    """The error names a newer format."""
    (tmp_path / "encoding.json").write_text('{"format": 2}')
    with pytest.raises(ValueError, match=r"expected format 1 in .*encoding\.json, got 2"):
        Encoding.load(tmp_path)
