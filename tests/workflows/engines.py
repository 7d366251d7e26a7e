"""Random tables and feature lists, and the comparison of what two engines make of them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import strategies as st

from recipes.artifacts import Artifacts, Raw
from recipes.errors import ShortlistError
from recipes.recipe import Recipe
from workflows.engines import Engine
from workflows.prepare import prepare

#: Engines add the same numbers in another order, so a mean differs in its last bits, and a normalised
#: number by as much when it is rounded to float32: this is one unit in its last place.
FLOAT32 = 1.2e-7
MEAN = 1e-12

WORDS = ["", "a", "A", "b", "ä", "中国", "İ", " a", "a\n", "\U0001f600", "zz"]
WHOLE = [0, 1, -1, 7, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 0.1, 1e-300, -1e300, 2.5, float("nan"), float("inf"), float("-inf")]
VALUES: dict[str, tuple[list[Any], pa.DataType]] = {
    "words": (WORDS, pa.string()),
    "whole": (WHOLE, pa.int64()),
    "unsigned": ([0, 1, 2**63, 2**64 - 1], pa.uint64()),
    "small": ([-128, 0, 127], pa.int8()),
    "floats": (FLOATS, pa.float64()),
    "truth": ([True, False], pa.bool_()),
}


#: What is counted of a category, or that it is not.
COUNTED = st.fixed_dictionaries({"frequency_threshold": st.integers(1, 3)}) | st.fixed_dictionaries(
    {"hash_bins": st.integers(2, 4)}
)


@st.composite
def features(
    draw: st.DrawFn, prefix: str, rows: int, pools: list[str]
) -> dict[str, tuple[dict, pa.Array]]:
    """Up to five columns: what the recipe says of each, and its values."""
    columns = {}
    for number in range(draw(st.integers(0, 5))):
        kind = draw(
            st.sampled_from(["categorical", "bucket", "categorical", "list", "text", "numeric"])
        )
        options: dict[str, Any] = {"kind": "categorical" if kind == "list" else kind}
        if kind in ("categorical", "list"):
            pool, dtype = VALUES[draw(st.sampled_from(pools))]
            value = st.none() | st.sampled_from(pool)
        if kind == "list":
            value, dtype = st.none() | st.lists(value, max_size=4), pa.list_(dtype)
            options |= {"list": True, "max_length": draw(st.integers(1, 3))}
        if kind == "text":
            value, dtype = (
                st.none() | st.sampled_from(["", "a B", "b, b; ÄÖ", "中 国"]),
                pa.string(),
            )
            options |= {"max_length": draw(st.integers(1, 3))}
        if kind in ("categorical", "list", "text"):
            options |= draw(COUNTED)
        if kind in ("list", "text"):
            options["keep"] = draw(st.sampled_from(["first", "last"]))
        if kind in ("numeric", "bucket"):
            special = [0.1, float("nan"), -3.0]
            value = st.none() | st.sampled_from(special) | st.floats(-1e6, 1e6, width=32)
            dtype = pa.float64()
        if kind == "numeric" and draw(st.booleans()):
            options["fill"] = draw(st.sampled_from([0.1, -2.0]))
        if kind == "numeric":
            options["clip"] = draw(st.sampled_from([None, [-2.0, 0.1], [0.0, 1e5]]))
            options["log"] = draw(st.booleans())
            options["scale"] = draw(st.sampled_from(["standard", "min-max"]))
        if kind == "bucket":
            options["boundaries"] = [-3.0, 0.1]
        values = draw(st.lists(value, min_size=rows, max_size=rows))
        columns[f"{prefix}{number}"] = (options, pa.array(values, dtype))
    return columns


def combined(draw: st.DrawFn, prefix: str, columns: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the recipe says of the columns of a side, and perhaps of a combination of two or three."""
    said = {name: options for name, (options, _) in columns.items()}
    parts = [
        name
        for name, one in said.items()
        if one["kind"] == "bucket" or (one["kind"] == "categorical" and "list" not in one)
    ]
    if len(parts) < 2:
        return said
    of = draw(st.lists(st.sampled_from(parts), min_size=2, max_size=3, unique=True))
    together = {f"{prefix}_and": {"kind": "combined", "of": of, **draw(COUNTED)}}
    return together | said if draw(st.booleans()) else said | together


def share(draw: st.DrawFn, columns: dict[str, tuple[dict[str, Any], pa.Array]]) -> None:
    """Let columns of one type share a vocabulary, those of the other side too."""
    by_type: dict[pa.DataType, list[dict[str, Any]]] = {}
    for options, values in columns.values():
        if options["kind"] in ("categorical", "text"):
            dtype = values.type.value_type if pa.types.is_list(values.type) else values.type
            by_type.setdefault(dtype, []).append(options)
    for dtype, members in by_type.items():
        if len(members) > 1 and draw(st.booleans()):
            counted = draw(COUNTED)
            for options in members:
                options.pop("hash_bins", None), options.pop("frequency_threshold", None)
                options |= {"shared": f"some {dtype}", **counted}


@st.composite
def shops(draw: st.DrawFn) -> tuple[Recipe, dict[str, pa.Table]]:
    """A recipe and its three raw tables; some ids have no features, some features no interaction."""
    known: list[list[Any]] = [WORDS[1:], WHOLE]
    user_ids, item_ids = draw(st.sampled_from(known)), draw(st.sampled_from(known))
    interaction = st.tuples(
        st.sampled_from(user_ids), st.sampled_from(item_ids), st.integers(0, 9), st.integers(1, 5)
    )
    rows = draw(st.lists(interaction, min_size=12, max_size=40))
    # of few types, so that some columns have one in common
    pools = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=2))
    sides = []
    for ids, prefix in ((user_ids, "u"), (item_ids, "i")):
        listed = draw(st.lists(st.sampled_from(ids), min_size=1, unique=True))
        sides.append((listed, draw(features(prefix, len(listed), pools))))
    (users, of_users), (items, of_items) = sides
    share(draw, of_users | of_items)
    tables = {
        "interactions": pa.table(
            dict(
                zip(("who", "what", "at", "stars"), map(list, zip(*rows, strict=True)), strict=True)
            )
        ),
        "users": pa.table({"who": users} | {name: one[1] for name, one in of_users.items()}),
        "items": pa.table({"what": items} | {name: one[1] for name, one in of_items.items()}),
    }
    interactions: dict[str, Any] = {
        "history_length": draw(st.integers(0, 3)),
        "repeats": draw(st.booleans()),
    }
    if draw(st.booleans()):
        interactions |= {"filter": "stars > 1 or at in (1, 2)", "positive": "stars >= 3"}
    threshold = st.integers(1, 3)
    recipe = random_recipe(
        interactions=interactions,
        vocabulary={
            "user_frequency_threshold": draw(threshold),
            "item_frequency_threshold": draw(threshold),
            "drop_rare": draw(st.booleans()),
        },
        features={
            "user": combined(draw, "u", of_users),
            "item": combined(draw, "i", of_items),
        },
        split={
            "kind": draw(st.sampled_from(["random", "stratified", "temporal", "leave-last-out"])),
            "test": 0.3,
            "valid": 0.3,
        },
    )
    return recipe, tables


def random_recipe(**tables: Any) -> Recipe:
    """A recipe for tables with the columns who, what, at and stars."""
    recipe = {
        "name": "random",
        "source": {"kind": "parquet", "interactions": "interactions.parquet"},
        "columns": {"user": "who", "item": "what", "timestamp": "at", "label": "stars"},
        "ranker": {"kind": "none"},
        "split": {"kind": "random", "test": 0.3, "valid": 0.3},
    }
    return Recipe.model_validate({**recipe, **tables}, strict=False)


def prepared_by(engine: Engine, recipe: Recipe, tables: dict[str, pa.Table], root: Path) -> Any:
    """Artifacts with the tables prepared, or what is wrong with them."""
    artifacts = Artifacts(root / engine)
    write_raw(artifacts.raw, tables)
    try:
        prepare(recipe, artifacts, force=False, engine=engine, say=lambda line: None)
    except ShortlistError as error:
        return str(error)
    return artifacts


def write_raw(raw: Raw, tables: dict[str, pa.Table]) -> None:
    raw.root.mkdir(parents=True)
    for path in (raw.interactions, raw.users, raw.items):
        pq.write_table(tables[path.stem], path)


def assert_same(one: Artifacts, other: Artifacts) -> None:
    """File by file: the same names, and in each the same types, order and values."""
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
    """All but NVTabular's pickle and its notes: when it was made, how many values were left out."""
    return {
        str(path.relative_to(root)): path
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and path.name not in ("workflow.pkl", "metadata.json")
        and not path.name.startswith("meta.")
    }


def _assert_same_table(one: pa.Table, other: pa.Table, name: str) -> None:
    # Of integers in lists NVTabular makes Python's own: whether a vocabulary of them is written as
    # signed or unsigned follows from the values, and makes no difference to a code.
    if not name.startswith("workflow/categories/"):
        assert one.schema.equals(other.schema), name
    for column in one.column_names:
        if one[column].type == pa.float32():
            np.testing.assert_allclose(
                one[column].to_numpy(), other[column].to_numpy(), FLOAT32, FLOAT32, err_msg=column
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
