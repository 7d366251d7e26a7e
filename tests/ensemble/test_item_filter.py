"""Conditions on item attributes: their meaning, and invalid ones."""

from pathlib import Path

import numpy as np
import pytest

from runtime.candidates import item_attributes
from runtime.candidates.item_attributes import Attribute
from runtime.candidates.item_filter import matching
from runtime.errors import RequestError


@pytest.fixture(scope="module")
def attributes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Attribute]:
    """Five films, written and read as a release stores them; the last one has no attributes."""
    directory = tmp_path_factory.mktemp("release")
    item_attributes.write(
        directory,
        {
            "genres": [["Drama"], ["Drama", "War"], ["Comedy"], [], None],
            "year": [1990, 1985.5, 1999, 2001, None],
            "studio": ["Ghibli", "A & B", 'The "X"', "Żebra", None],
            "sold": [1000, 2000, None, 5, 7],
            "maker": ["Ghibli", "B", None, "A", "A"],
            "of the year": [True, False, None, False, None],
            "marks": [[1, 2], [3], [], [2.5], None],
        },
    )
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


def test_without_item_attributes_every_name_is_unknown(tmp_path: Path) -> None:
    """For items without features, the message says that there are no names."""
    item_attributes.write(tmp_path, {})
    with pytest.raises(RequestError, match="expected a column among: none; got 'year'"):
        matching("year > 5", item_attributes.read(tmp_path, np.load))
