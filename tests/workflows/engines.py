"""Random tables, names and feature lists, and a comparison of the output of two engines."""

import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st

from recipes.schema.raw_column import TABLES
from recipes.schema.recipe import Recipe
from sources.canonical.tables import canonical
from sources.tables import RawTable, RawTables
from stages.artifacts import Artifacts, Raw
from stages.errors import ShortlistError
from tests.hostile_names import HOSTILE
from tests.splits import split_table
from workflows.engines.choice import Engine
from workflows.prepare import prepare

#: Engines add the same numbers in different orders, so means differ in their last bits, and so do normalised
#: numbers once rounded to float32: this is one unit in the last place.
FLOAT32 = 1.2e-7
MEAN = 1e-12

WORDS = ["", "a", "A", "b", "ä", "中国", "İ", " a", "a\n", "\U0001f600", "zz", "long " * 99]
IDS = WORDS[1:]
#: pandas compares texts up to the first NUL.
WORDS += ["a\0", "a\0b", "\0", "a\1", "\1\2", "\1\1"]
TEXTS = [
    "",
    "a B",
    "b, b; ÄÖ",
    "中 国",
    "हिन्दी किताब",
    "كِتَاب",
    "e\u0301 É",
    "İ i",
    "a\0b",
    "👍🏽 ❤️",
]
WHOLE = [0, 1, -1, 7, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 0.1, 1e-300, -1e300, 2.5, float("nan"), float("inf"), float("-inf")]
#: Numeric kinds, which share their options.
NUMBERS = ["numeric", "count", "age", "target"]
VALUES: dict[str, tuple[list[Any], pa.DataType]] = {
    "words": (WORDS, pa.string()),
    "whole": (WHOLE, pa.int64()),
    "unsigned": ([0, 1, 2**63, 2**64 - 1], pa.uint64()),
    "small": ([-128, 0, 127], pa.int8()),
    "halves": ([np.float16(each) for each in (0.1, -2, np.nan)], pa.float16()),
    "money": ([Decimal("12.10"), Decimal("-0.03"), Decimal(7)], pa.decimal256(50, 2)),
    "coded": (["a", "b"], pa.dictionary(pa.int8(), pa.string())),
    "floats": (FLOATS, pa.float64()),
    "truth": ([True, False], pa.bool_()),
}


#: Types of times.
TIMES = [
    *(pa.int64(), pa.date32(), pa.timestamp("ms"), pa.timestamp("ns")),
    *(pa.timestamp("us", "UTC"), pa.timestamp("s", "+05:30")),
]

#: A category's threshold, or its hash bins.
COUNTED = st.fixed_dictionaries({"frequency_threshold": st.integers(1, 3)}) | st.fixed_dictionaries(
    {"hash_bins": st.integers(2, 4)}
)
#: Kinds that can be combined come twice.
KINDS = ["categorical", "bucket", "categorical", "bucket", "list", "text", *NUMBERS]


@st.composite
def features(
    draw: st.DrawFn, identity: str, names: Iterator[str], rows: int, pools: list[str]
) -> tuple[dict[str, Any], dict[str, pa.Array]]:
    """Up to five features as a recipe specifies them, and the raw columns that they need."""
    features, columns = {}, {}
    targets = [identity]  # single-valued columns, which a target may use
    for name in islice(names, draw(st.integers(0, 5))):
        kind = draw(st.sampled_from(KINDS))
        options: dict[str, Any] = {"kind": "categorical" if kind == "list" else kind}
        features[name] = options
        if kind in NUMBERS:
            options["clip"] = draw(st.sampled_from([None, [-2.0, 0.1], [0.0, 1e5]]))
            options["log"] = draw(st.booleans())
            options["scale"] = draw(st.sampled_from(["standard", "min-max"]))
        if kind == "count":
            options["days"] = draw(st.sampled_from([None, 3 / 86_400, 0.5]))
            options["positive"] = draw(st.booleans())
            continue
        if kind == "target":
            of = draw(st.lists(st.sampled_from(targets), max_size=2, unique=True))
            options |= {"of": of, "folds": draw(st.integers(2, 4))}
            options["smoothing"] = draw(st.sampled_from([0.0, 1.0, 20.0]))
            if of:
                continue
        if kind in ("categorical", "list", "target"):
            pool, dtype = VALUES[draw(st.sampled_from(pools))]
            value = st.none() | st.sampled_from(pool)
        if kind in ("categorical", "target"):
            targets.append(name)
        if kind == "list":
            value, dtype = st.none() | st.lists(value, max_size=4), pa.list_(dtype)
            options |= {"list": True, "max_length": draw(st.integers(1, 3))}
        if kind == "text":
            value, dtype = (
                st.none() | st.sampled_from(TEXTS),
                pa.string(),
            )
            options |= {"max_length": draw(st.integers(1, 3))}
        if kind in ("categorical", "list", "text"):
            options |= draw(COUNTED)
        if kind in ("list", "text"):
            options["keep"] = draw(st.sampled_from(["first", "last"]))
            options["pad"] = draw(st.booleans())
        if kind in ("numeric", "bucket"):
            special = [0.1, float("nan"), -3.0]
            value = st.none() | st.sampled_from(special) | st.floats(-1e6, 1e6, width=32)
            dtype = pa.float64()
        if kind == "age":
            dtype = draw(st.sampled_from(TIMES))
            days = dtype == pa.date32()
            value = st.none() | (st.integers(-9999, 9999) if days else st.integers(-(10**9), 10**9))
        if kind in ("numeric", "age") and draw(st.booleans()):
            options["fill"] = draw(st.sampled_from([0.1, -2.0]))
        if kind == "bucket":
            options["boundaries"] = [-3.0, 0.1]
        values = draw(st.lists(value, min_size=rows, max_size=rows))
        columns[name] = pa.array(values, dtype)
    return features, columns


def combine(draw: st.DrawFn, name: str, features: dict[str, Any]) -> None:
    """Add a combination of two or three features, if there are as many, before or after them."""
    parts = [
        part
        for part, one in features.items()
        if one["kind"] == "bucket" or (one["kind"] == "categorical" and "list" not in one)
    ]
    if len(parts) < 2:
        return
    of = draw(st.lists(st.sampled_from(parts), min_size=2, max_size=3, unique=True))
    others = list(features.items()) if draw(st.booleans()) else []
    for other, _ in others:
        del features[other]
    features[name] = {"kind": "combined", "of": of, **draw(COUNTED)}
    features.update(others)


def share(draw: st.DrawFn, features: dict[str, Any], columns: dict[str, pa.Array]) -> None:
    """Let columns of one type share a vocabulary, also across both sides."""
    by_type: dict[pa.DataType, list[dict[str, Any]]] = {}
    taken: set[str] = set()
    for name, options in features.items():
        if options["kind"] in ("categorical", "text"):
            dtype = columns[name].type
            dtype = dtype.value_type if pa.types.is_list(dtype) else dtype
            by_type.setdefault(dtype, []).append(options)
    for dtype, members in by_type.items():
        if len(members) > 1 and draw(st.booleans()):
            counted = draw(COUNTED)
            # a vocabulary may have the name of a column
            vocabulary = draw(st.sampled_from([f"some {dtype}", *filter(None, features)]))
            while vocabulary in taken:
                vocabulary += "+"
            taken.add(vocabulary)
            for options in members:
                options.pop("hash_bins", None), options.pop("frequency_threshold", None)
                options |= {"shared": vocabulary, **counted}


@st.composite
def shops(draw: st.DrawFn) -> tuple[Recipe, dict[str, pa.Table]]:
    """A recipe and its three raw tables; some ids have no features, some features no interactions."""
    names = iter(draw(st.permutations(HOSTILE)))
    who, what, at, stars = islice(names, 4)
    known: list[list[Any]] = [IDS, WHOLE]
    user_ids, item_ids = draw(st.sampled_from(known)), draw(st.sampled_from(known))
    interaction = st.tuples(
        st.sampled_from(user_ids), st.sampled_from(item_ids), st.integers(0, 9), st.integers(1, 5)
    )
    rows = draw(st.lists(interaction, min_size=12, max_size=40))
    # few types, so some columns have the same one
    pools = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=2))
    sides = []
    for ids, name in ((user_ids, who), (item_ids, what)):
        listed = draw(st.lists(st.sampled_from(ids), min_size=1, unique=True))
        chosen, columns = draw(features(name, names, len(listed), pools))
        combine(draw, next(names), chosen)
        sides.append((chosen, {name: pa.array(listed)} | columns))
    (of_users, users), (of_items, items) = sides
    share(draw, of_users | of_items, users | items)
    tables = {
        "interactions": pa.table(
            dict(zip((who, what, at, stars), map(list, zip(*rows, strict=True)), strict=True))
        ),
        "users": pa.table(users),
        "items": pa.table(items),
    }
    interactions: dict[str, Any] = {
        "history_length": draw(st.integers(0, 3)),
        "repeats": draw(st.booleans()),
    }
    if draw(st.booleans()):
        rating, time = (f"`{name.replace('`', '``')}`" for name in (stars, at))
        condition = f"{rating} > 1 or {time} in (1, 2)"
        interactions |= {"filter": condition, "positive": f"{rating} >= 3"}
    threshold = st.integers(1, 3)
    recipe = random_recipe(
        columns={"user": who, "item": what, "timestamp": at, "label": stars},
        interactions=interactions,
        vocabulary={
            "user_frequency_threshold": draw(threshold),
            "item_frequency_threshold": draw(threshold),
            "drop_rare": draw(st.booleans()),
        },
        features={"user": of_users, "item": of_items},
        split=split_table(
            draw(st.sampled_from(["random", "stratified", "temporal", "leave-last-out"])),
            test=0.3,
            valid=0.3,
        ),
    )
    return recipe, tables


def random_recipe(**tables: Any) -> Recipe:
    """A recipe for tables with the columns who, what, at and stars."""
    recipe = {
        "name": "random",
        "source": {"kind": "parquet", "interactions": "interactions.parquet"},
        "columns": {"user": "who", "item": "what", "timestamp": "at", "label": "stars"},
        "ranker": {"ids": True},
        "split": {"kind": "random", "test": 0.3, "valid": 0.3},
    }
    return Recipe.model_validate({**recipe, **tables}, strict=False)


def prepared_by(engine: Engine, recipe: Recipe, tables: dict[str, pa.Table], root: Path) -> Any:
    """Return artifacts with the prepared tables, or the error message."""
    artifacts = Artifacts(root / engine)
    write_raw(artifacts.raw, as_ingested(recipe, tables))
    try:
        prepare(recipe, artifacts, force=False, engine=engine, encoded_rows=True)
    except ShortlistError as error:
        return str(error)
    return artifacts


def as_ingested(recipe: Recipe, tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """The columns that the recipe uses, in the types that they have after ingest."""
    raw = RawTables(*(RawTable(name, name, tables[name]) for name in TABLES))
    found = canonical(raw, recipe)
    return {each.name: each.in_memory() for each in (found.interactions, found.users, found.items)}


def write_raw(raw: Raw, tables: dict[str, pa.Table]) -> None:
    raw.root.mkdir(parents=True)
    for path in (raw.interactions, raw.users, raw.items):
        pq.write_table(tables[path.stem], path)


def assert_same(one: Artifacts, other: Artifacts) -> None:
    """Compare file by file: the same names, and in each the same types, order and values."""
    files = [_files(artifacts.prepared.root) for artifacts in (one, other)]
    assert set(files[0]) == set(files[1])
    for name, path in files[0].items():
        against = files[1][name]
        if path.suffix == ".parquet":
            _assert_same_table(pq.read_table(path), pq.read_table(against), name)
        elif name == "encoding/encoding.json":
            _assert_same_encoding(path, against)
        else:
            assert path.read_bytes() == against.read_bytes(), name


def _files(root: Path) -> dict[str, Path]:
    """All files but NVTabular's pickle and its metadata, which hold times and counts of dropped values."""
    return {
        str(path.relative_to(root)): path
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and path.name not in ("workflow.pkl", "metadata.json")
        and not path.name.startswith("meta.")
    }


def _assert_same_table(one: pa.Table, other: pa.Table, name: str) -> None:
    assert one.schema.equals(other.schema), name
    for column in one.column_names:
        kind = one[column].type
        if kind == pa.float32() or pa.types.is_fixed_size_list(kind):
            np.testing.assert_allclose(
                one[column].to_pylist(), other[column].to_pylist(), FLOAT32, FLOAT32, err_msg=column
            )
        else:
            assert one[column].to_pylist() == other[column].to_pylist(), f"{name}: {column}"


def _assert_same_encoding(one: Path, other: Path) -> None:
    first, second = (json.loads(path.read_text(encoding="utf-8")) for path in (one, other))
    for key in ("user_features", "item_features"):
        for mine, its in zip(first.pop(key), second.pop(key), strict=True):
            for number in ("mean", "std"):
                assert mine.pop(number, 0) == pytest.approx(its.pop(number, 0), rel=MEAN, abs=MEAN)
            assert mine == its
    assert first == second
