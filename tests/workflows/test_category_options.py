"""Categories hashed, shared and combined, and the end of a list: codes worked out by hand."""

import json
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipes.schema.recipe import Recipe
from runtime.features.codes import hashed_code
from runtime.features.encoding import Encoding
from runtime.safe_names import safe_name
from stages.artifacts import Artifacts
from stages.columns import OWN, RAW_ID
from tests.workflows.engines import prepared_by, random_recipe
from workflows.engines.choice import Engine

ENGINES = pytest.mark.parametrize("engine", ["polars", "dask"])


def recipe(user: dict[str, Any], item: dict[str, Any] | None = None) -> Recipe:
    """Rows whose column ``held`` is true are the test part; only the others are counted."""
    return random_recipe(
        features={"user": user, "item": item or {}},
        interactions={"repeats": True},
        split={"kind": "given", "column": "held", "valid": 0.25},
    )


def tables(
    users: dict[str, Any], items: dict[str, Any], trained: list[tuple[int, int]]
) -> dict[str, pa.Table]:
    """Users and items are numbered from 1. Each pair of ``trained`` occurs four times in training."""
    (how_many_users, how_many_items) = (len(next(iter(side.values()))) for side in (users, items))
    pairs = [pair for pair in trained for _ in range(4)]
    tested = [(user, 1) for user in range(1, how_many_users + 1)]
    who, what = zip(*pairs, *tested, strict=True)
    return {
        "interactions": pa.table(
            {
                "who": who,
                "what": what,
                "at": range(len(who)),
                "stars": [1] * len(who),
                "held": [False] * len(pairs) + [True] * len(tested),
            }
        ),
        "users": pa.table({"who": range(1, how_many_users + 1), **users}),
        "items": pa.table({"what": range(1, how_many_items + 1), **items}),
    }


def codes(artifacts: Artifacts, name: str) -> list[Any]:
    """Return a feature of the users in their order, or of the items."""
    for path in (artifacts.prepared.users, artifacts.prepared.items):
        if name in pq.read_schema(path).names:
            return pq.read_table(path)[name].to_pylist()
    raise KeyError(name)


def served(artifacts: Artifacts, name: str, raw: dict[str, list[Any]]) -> list[Any]:
    """Return the server's encoding of raw values, with the padding of lists removed."""
    encoding = Encoding.load(artifacts.prepared.encoding)
    features = [*encoding.user_features, *encoding.item_features]
    encoder = next(each for each in features if each.name == name)
    found = encoder.encode(*(raw[column] for column in encoder.columns)).tolist()
    return [[code for code in row if code] if isinstance(row, list) else row for row in found]


def schema(artifacts: Artifacts) -> Any:
    from merlin.io import Dataset

    folder = str(artifacts.prepared.interactions("train"))
    return Dataset(folder, engine="parquet", cpu=True).schema


PLACES = (
    {"home": ["DE", "FR", None, "IT"]},
    {"origins": [["FR", "ES"], ["DE"], [None, "ES", "DE"]]},
    # home: DE and FR twice each; origins, two of them kept: FR three times, ES four times, DE twice
    [(1, 1), (1, 2), (2, 1), (2, 3), (3, 2), (3, 1)],
)


@ENGINES
@pytest.mark.parametrize(("least", "homes"), [(16, [4, 3, 1, 2]), (17, [2, 3, 1, 2])])
def test_columns_of_both_sides_share_a_vocabulary(
    tmp_path: Any, engine: Engine, least: int, homes: list[int]
) -> None:
    """FR occurs 20 times, DE and ES 16 times, IT only in the test part: counts are over both columns."""
    shared = {"kind": "categorical", "shared": "country", "frequency_threshold": least}
    features = recipe({"home": shared}, {"origins": {**shared, "list": True, "max_length": 2}})
    artifacts = prepared_by(engine, features, tables(*PLACES), tmp_path)
    assert codes(artifacts, "home") == homes
    de, fr = homes[:2]
    es = 5 if least == 16 else 2
    assert codes(artifacts, "origins") == [[fr, es], [de], [1, es]]
    assert served(artifacts, "home", PLACES[0]) == homes
    assert served(artifacts, "origins", PLACES[1]) == [[fr, es], [de], [1, es]]
    files = sorted(path.name for path in artifacts.prepared.encoding.glob("vocabularies/*"))
    vocabulary = f"{OWN}shared_country"
    assert files == sorted([f"{safe_name(vocabulary)}.json", "what.json", "who.json"])
    columns = schema(artifacts)
    assert columns["home"].int_domain == columns["origins"].int_domain
    assert (columns["home"].int_domain.name, columns["home"].int_domain.max) == (
        vocabulary,
        5 if least == 16 else 3,
    )


@ENGINES
def test_columns_of_two_types_do_not_share_a_vocabulary(tmp_path: Any, engine: Engine) -> None:
    """The message names both columns, their types, and what to do."""
    shared = {"kind": "categorical", "shared": "both"}
    data = tables({"a": ["x", "y"]}, {"b": [[1], [2]]}, [(1, 1), (2, 2)])
    message = prepared_by(
        engine, recipe({"a": shared}, {"b": {**shared, "list": True}}), data, tmp_path
    )
    assert "expected values of one type in 'a' and 'b', which have shared = 'both'" in message
    assert "got String and Int64. Give both columns the same type" in message


HASHED: dict[str, tuple[dict[str, Any], list[Any], list[Any]]] = {
    "words": ({}, ["red", None, "", "new"], ["red", None, "", "new"]),
    "nuls": ({}, ["a\0b", None, "a", "a\0"], ["a\0b", None, "a", "a\0"]),
    "whole": ({}, [7, None, -1, 2**63 - 1], ["7", None, "-1", "9223372036854775807"]),
    "floats": ({}, [0.5, float("nan"), -0.0, 1e22], ["0.5", None, "0.0", "1e+22"]),
    "truth": ({}, [True, None, False, True], ["true", None, "false", "true"]),
    "lists": ({"list": True}, [["red", None], [], None, ["é"]], [["red", None], [], [None], ["é"]]),
    "numbers": ({"list": True}, [[7, None], [], None, [8]], [["7", None], [], [None], ["8"]]),
    "said": ({"kind": "text"}, ["Red, 7", None, "", "new"], [["red", "7"], [None], [], ["new"]]),
}


@ENGINES
@pytest.mark.parametrize("name", HASHED)
def test_a_hashed_value_has_the_code_of_its_spelling(
    tmp_path: Any, engine: Engine, name: str
) -> None:
    """Of every type; a user who is only in the test part has a code too, and a null keeps code 1."""
    further, values, spelled = HASHED[name]
    options = {"kind": "categorical", "hash_bins": 1000, **further}
    data = tables({name: values}, {"i": [1]}, [(1, 1), (2, 1), (3, 1)])
    artifacts = prepared_by(engine, recipe({name: options}), data, tmp_path)

    def code(value: str | None) -> int:
        return 1 if value is None else hashed_code(value, 1000)

    expected = [[code(v) for v in one] if isinstance(one, list) else code(one) for one in spelled]
    assert codes(artifacts, name) == expected
    assert served(artifacts, name, {name: values}) == expected
    domain = schema(artifacts)[name].int_domain
    assert (domain.name, domain.min, domain.max) == (name, 0, 1002)
    assert not list(artifacts.prepared.root.rglob(f"*{name}*"))  # no vocabulary


@ENGINES
def test_hashed_columns_share_a_domain(tmp_path: Any, engine: Engine) -> None:
    """The same value has the same code in both, and the models have one embedding table for them."""
    options = {"kind": "categorical", "hash_bins": 50, "shared": "colour"}
    data = tables({"a": ["red", "blue"]}, {"b": ["blue", "red"]}, [(1, 1), (2, 2)])
    artifacts = prepared_by(engine, recipe({"a": options}, {"b": options}), data, tmp_path)
    assert codes(artifacts, "a") == codes(artifacts, "b")[::-1]
    assert schema(artifacts)["a"].int_domain == schema(artifacts)["b"].int_domain
    assert schema(artifacts)["a"].int_domain.name == f"{OWN}shared_colour"


PEOPLE: dict[str, list[Any]] = {
    "gender": ["F", "F", None, None, "F", "M"],
    "age": [20.0, 40.0, 45.0, None, 29.0, 20.0],
}
#: F and below 30: three times; null and above: twice; F and above: once; null and null: once; M: never.
MET = [(1, 1), (1, 2), (1, 3), (2, 1), (3, 1), (3, 2), (4, 1)]


@ENGINES
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [3, 5, 4, 1, 3, 2]),
        ({"frequency_threshold": 8}, [3, 2, 4, 1, 3, 2]),
        # F is code 3, M is unseen; below 30 is bucket 3
        ({"hash_bins": 99}, [hashed_code(one, 99) if one else 1 for one in
            ("3,3", "3,4", "1,4", None, "3,3", "2,3")]),
    ],
)  # fmt: skip
def test_a_combination_is_one_of_the_codes_of_its_parts(
    tmp_path: Any, engine: Engine, options: dict[str, Any], expected: list[int]
) -> None:
    """Null is a value in it unless all parts are null; thresholds and hashing work as for other features."""
    features = {
        "who_it_is": {"kind": "combined", "of": ["gender", "age"], **options},
        "gender": {"kind": "categorical"},
        "age": {"kind": "bucket", "boundaries": [30.0]},
    }
    artifacts = prepared_by(
        engine, recipe(features), tables(PEOPLE, {"i": [1, 2, 3]}, MET), tmp_path
    )
    assert codes(artifacts, "who_it_is") == expected
    assert served(artifacts, "who_it_is", PEOPLE) == expected
    domain = schema(artifacts)["who_it_is"].int_domain
    assert domain.max == (101 if "hash_bins" in options else max(expected))
    assert list(pd.read_parquet(artifacts.prepared.users)) == [
        *(RAW_ID, "who", "who_it_is", "gender", "age")
    ]


@ENGINES
def test_the_last_values_of_a_list_and_of_a_text_can_be_kept(tmp_path: Any, engine: Engine) -> None:
    """Truncated values are not counted either; a shorter list stays whole."""
    users: dict[str, list[Any]] = {
        "seen": [["a", "b", "c"], ["c"], []],
        "said": ["one two three", "two", None],
    }
    features = {
        "seen": {"kind": "categorical", "list": True, "max_length": 2, "keep": "last"},
        "said": {"kind": "text", "max_length": 1, "keep": "last"},
    }
    trained = [(1, 1), (1, 1), (2, 1), (3, 1)]
    artifacts = prepared_by(engine, recipe(features), tables(users, {"i": [1]}, trained), tmp_path)
    assert codes(artifacts, "seen") == served(artifacts, "seen", users) == [[4, 3], [3], []]
    assert codes(artifacts, "said") == served(artifacts, "said", users) == [[3], [4], [1]]
    folder = artifacts.prepared.encoding / "vocabularies"
    assert json.loads((folder / "seen.json").read_text()) == ["c", "b"]
    assert schema(artifacts)["seen"].value_count.max == 2


@ENGINES
def test_lists_can_be_filled_to_one_length(tmp_path: Any, engine: Engine) -> None:
    """Padded with code 0 at the end and truncated as usual; padding is not counted."""
    users: dict[str, list[Any]] = {
        "seen": [["a", "b", "c"], ["c"], []],
        "said": ["two two", "two", None],
    }
    features = {
        "seen": {"kind": "categorical", "list": True, "max_length": 2, "keep": "last", "pad": True},
        "said": {"kind": "text", "max_length": 3, "hash_bins": 5, "pad": True},
    }
    data = tables(users, {"i": [1]}, [(1, 1), (1, 1), (2, 1), (3, 1)])
    artifacts = prepared_by(engine, recipe(features), data, tmp_path)
    two = hashed_code("two", 5)
    assert codes(artifacts, "seen") == [[4, 3], [3, 0], [0, 0]]
    assert codes(artifacts, "said") == [[two, two, 0], [two, 0, 0], [1, 0, 0]]
    assert served(artifacts, "seen", users) == [[4, 3], [3], []]
    vocabulary = artifacts.prepared.encoding / "vocabularies" / "seen.json"
    assert json.loads(vocabulary.read_text()) == ["c", "b"]
    counts = schema(artifacts)["seen"].value_count
    assert (counts.min, counts.max) == (2, 2)
