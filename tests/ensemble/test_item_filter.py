"""Conditions on item attributes: their meaning, and invalid ones."""

from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import polars.selectors as cs
import pytest

from ensemble.releases.attributes import attributes_of, read_attributes
from ensemble.releases.parts import read_parts
from runtime.candidates import item_attributes
from runtime.candidates.item_attributes import Attribute
from runtime.candidates.item_filter import matching
from runtime.errors import RequestError
from tests.ensemble.synthetic import ITEMS, RECIPE, write_artifacts


@pytest.fixture(scope="module")
def attributes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Attribute]:
    """Five films, written and read as a release stores them; the last one has no attributes."""
    directory = tmp_path_factory.mktemp("release")
    films = {
        "genres": [["Drama"], ["Drama", "War"], ["Comedy"], [], None],
        "year": [1990, 1985.5, 1999, 2001, None],
        "studio": ["Ghibli", "A & B", 'The "X"', "Żebra", None],
        "sold": [1000, 2000, None, 5, 7],
        "maker": ["Ghibli", "B", None, "A", "A"],
        "of the year": [True, False, None, False, None],
        "classic": [True, True, False, False, None],
        "marks": [[1, 2], [3], [], [2.5], None],
        "id": pl.Series([2**53, 2**53 + 1, -(2**63), 2**63 - 1, None], dtype=pl.Int64),
        "hash": pl.Series([2**53, 2**53 + 2, 2**64 - 1, 0, None], dtype=pl.UInt64),
        "price": [5.0, 19.99, 100.0, 0.1, None],
        "out": [
            datetime(2020, 1, 5, 9, 30),
            datetime(2020, 1, 5),
            FINE,
            datetime(1969, 1, 1),
            None,
        ],
        "shown": [datetime(2020, 1, 5, 11)] * 5,
        "day": [datetime(2020, 1, 5), datetime(2020, 1, 6), None, datetime(1969, 1, 1), None],
    }
    frame = pl.DataFrame(films, strict=False)
    frame = frame.with_columns(cs.datetime().dt.replace_time_zone("UTC"))
    return written(directory, frame)


#: A time with microseconds.
FINE = datetime(2020, 1, 5, 9, 30, 0, 123456)


def written(directory: Path, frame: pl.DataFrame) -> dict[str, Attribute]:
    """The columns as attributes, written and read as a release stores them."""
    item_attributes.write(directory, attributes_of(frame.to_dict()))
    return item_attributes.read(directory, lambda name: np.load(directory / name, mmap_mode="r"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('genres has "Drama"', [0, 1]),
        ("genres has 'War' and year < 1990", [1]),
        ('genres has "Drama" and year >= 1990', [0]),
        ("year != 1990", [1, 2, 3]),
        ("year == 1990 or year > 2000", [0, 3]),
        ("not year >= 1990", [1, 4]),
        ('not (genres has "Drama" or genres has "Comedy")', [3, 4]),
        ("year in [1990, 1999]", [0, 2]),
        ("year not in [1990, 1999]", [1, 3]),
        ('genres in ["War", "Comedy"]', [1, 2]),
        ('genres not in ["War"]', [0, 2]),
        ('studio == "Ghibli"', [0]),
        ('studio != "Ghibli"', [1, 2, 3]),
        ('studio >= "T"', [2, 3]),
        (r'studio == "The \"X\""', [2]),
        ("studio == 'Żebra'", [3]),
        ("marks has 2", [0]),
        ("marks has 2.5", [3]),
        ('genres has "No such genre"', []),
        # `and` binds before `or`.
        ("year == 2001 or year == 1990 and genres has 'War'", [3]),
        ("year>=-1e9", [0, 1, 2, 3]),
        ("1985 < year <= 1_999", [0, 1, 2]),
        ("year in (1990, 1999,)", [0, 2]),
        ("1990 == year", [0]),
        ("year > sold", [0, 3]),
        ("studio < maker", [1]),
        ("`of the year` == true", [0]),
        ("`of the year` != true", [1, 3]),
        ("`of the year` == false", [1, 3]),
        ("`of the year` == 1 or `of the year` in [0]", [0, 1, 3]),
        ("`of the year` == classic", [0, 3]),
        # Integers of 64 bits are exact, and compare with fractions as numbers.
        ("id == 9007199254740993", [1]),
        ("id in [9007199254740993, 7.5, 1e300]", [1]),
        ("id > 9007199254740992", [1, 3]),
        ("id <= -9223372036854775808", [2]),
        ("id < 9223372036854775808", [0, 1, 2, 3]),
        ("id > -0.5", [0, 1, 3]),
        ("-1e300 < id < 1e999", [0, 1, 2, 3]),
        ("id == 0.5", []),
        ("id != 0.5", [0, 1, 2, 3]),
        ("hash == 18446744073709551615", [2]),
        ("hash >= -1", [0, 1, 2, 3]),
        ("id == hash", [0]),
        ("id < hash", [1, 2]),
        ("hash < id", [3]),
        ("sold < 999.5", [3, 4]),
        ("sold >= 999.5", [0, 1]),
        ("price < 20", [0, 1, 3]),
        ("price == 0.1", [3]),
        ("price == 19.99", [1]),
        ("price >= 100", [2]),
        # Times are exact to the microsecond.
        ('out >= "2020-01-05T09:30:00"', [0, 2]),
        ('out == "2020-01-05T09:30:00.123456Z"', [2]),
        ('out == "2020-01-05 10:30:00+01:00"', [0]),
        ('out == "2020-01-05"', [1]),
        ('out < "1970-01-01"', [3]),
        ('out in ["2020-01-05", "2020-01-05T09:30"]', [0, 1]),
        ('shown == "2020-01-05T11:00Z"', [0, 1, 2, 3, 4]),
        ('day <= "2020-01-05T00:00"', [0, 3]),
        ('day < "2020-01-05T12:00"', [0, 3]),
        ("out > day", [0]),
        ('studio <= "Ghibli"', [0, 1]),
        ('studio > "Ghibli"', [2, 3]),
        ('studio < "Gh"', [1]),
        ('studio in ["Ghibli", "nobody", "Żebra"]', [0, 3]),
        ('studio not in ["Ghibli", "nobody"]', [1, 2, 3]),
    ],
)
def test_what_a_condition_means(
    text: str, expected: list[int], attributes: dict[str, Attribute]
) -> None:
    """Each form, checked by hand; a missing value fulfils no comparison."""
    assert np.flatnonzero(matching(text, attributes)).tolist() == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("yaer > 1990", "expected a column among: .*year; got 'yaer' .did you mean 'year'"),
        ("year >", "expected the name of a column, a number or a string, got the end"),
        ("year > 'x'", "'year' holds numbers: expected a number, got 'x'"),
        ("studio > 5", "'studio' holds strings: expected a string, got 5"),
        ("price < '20'", "'price' holds numbers: expected a number, got '20'"),
        ("year == true", "'year' holds numbers: expected a number, got true"),
        ("classic == 'true'", "'classic' holds booleans: expected true or false, got 'true'"),
        ("classic == 2", "'classic' holds booleans: expected true or false, got 2"),
        ("classic < true", "'classic' holds booleans: expected == or != after it, got <"),
        ("out > 2020", "'out' holds times: expected a time such as .*, got 2020"),
        ("out > '2020-01'", "'out' holds times: expected a time such as .*, got '2020-01'"),
        ("studio == true", "'studio' holds strings: expected a string, got true"),
        ("sold > " + "9" * 401, "a number of at most 400 characters, got 401"),
        ("studio > year", "the same type, got 'studio' with strings and 'year' with numbers"),
        (
            'genres == "Drama"',
            "expected `has` or `in` after 'genres', which holds lists of strings, got ==",
        ),
        ("year ~ 5", "expected a name, a value or an operator, got '~ 5'"),
        ("1 < 2", "expected the name of a column on one side of <, got two values"),
        ("year", "expected a comparison .* got the end"),
        ("year > 5 year < 7", "expected `and`, `or` or the end, got 'year'"),
        ("(year > 5", r"expected '\)', got the end"),
        ("year in 5", r"expected '\[' or '\('"),
        ("and", "expected the name of a column, a number or a string, got 'and'"),
        ("year like 5", "expected a comparison .* got 'like'"),
        ("(" * 60 + "year > 5" + ")" * 60, "at most 50 levels of nesting, got more"),
        ("year > 5 or " * 1000 + "year > 5", "at most 10000 characters"),
        (
            "__import__('os').system('true')",
            r"""expected a name, a value or an operator, got "\.system\('true'\)\"""",
        ),
    ],
)
def test_an_invalid_condition_is_refused(
    text: str, message: str, attributes: dict[str, Attribute]
) -> None:
    """The message states what was expected and given, and shows an example or the known names."""
    with pytest.raises(RequestError, match=message):
        matching(text, attributes)


def test_raw_columns_keep_their_types(tmp_path: Path) -> None:
    """Whatever the order of the raw table; an item that it lacks has no values."""
    artifacts = write_artifacts(tmp_path / "made-up")
    raw = pl.read_parquet(artifacts.raw.items).filter(pl.col("item_id") != 7).reverse()
    raw = raw.with_columns(price=2**53 + pl.col("item_id"))
    raw.write_parquet(artifacts.raw.items)
    attributes = read_attributes(RECIPE, artifacts, read_parts(RECIPE, artifacts))
    genres, price = sorted(attributes, key=lambda each: each.name)
    assert price.values.dtype == np.int64
    assert matching(f"price == {2**53 + 9}", {"price": price}).nonzero()[0].tolist() == [8]
    assert matching("price >= 0", {"price": price}).sum() == ITEMS - 1
    expected = [row + 1 for row in matching('genres has "Drama"', {"genres": genres}).nonzero()[0]]
    drama = raw.filter(pl.col("genres").list.contains("Drama"))["item_id"]
    assert expected == sorted(drama.to_list())


def test_without_item_attributes_every_name_is_unknown(tmp_path: Path) -> None:
    """For items without features, the message says that there are no names."""
    with pytest.raises(RequestError, match="expected a column among: none; got 'year'"):
        matching("year > 5", written(tmp_path, pl.DataFrame()))
