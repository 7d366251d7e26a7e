"""Inspecting the raw columns that features use, each once."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.workflows.ratings import ratings_recipe, write_raw
from workflows.inspection.facts import ColumnFacts
from workflows.inspection.findings import remarks
from workflows.inspection.inspect import inspect
from workflows.repeats import Repeats


def test_raw_columns_are_shown_once_and_counts_not_at_all(tmp_path: Path) -> None:
    """A time is a number of seconds; ids, counted among the interactions, are not shown twice."""
    made = pa.array([None, *range(19)], pa.timestamp("s")).cast(pa.timestamp("us", "UTC"))
    artifacts = write_raw(tmp_path, items={"made": made, "shelf": [1, 2] * 10})
    features = {
        "user": {"rated": {"kind": "count", "days": 0.001}},
        "item": {
            "genre": {"kind": "categorical"},
            "age": {"kind": "age", "of": "made"},
            "rate": {"kind": "target", "of": ["genre", "shelf", "item"]},
        },
    }
    found = inspect(ratings_recipe(features=features), artifacts)
    columns = {column.name: column for column in found.columns}
    assert list(columns) == ["user", "item", "stars", "genre", "made", "shelf"]
    assert len(columns) == len(found.columns)
    assert (columns["made"].key, columns["shelf"].key) == (
        "features.item.age",
        "features.item.rate",
    )
    assert (columns["made"].is_number, columns["made"].nulls, columns["made"].distinct) == (
        True,
        1,
        19,
    )
    assert columns["made"].commonest == ("0", 1 / 20)
    assert not columns["shelf"].is_number


def test_what_is_combined_is_inspected_in_its_parts(tmp_path: Path) -> None:
    """A combination is not a column; hashed and shared columns are inspected like others."""
    words = {"kind": "categorical", "shared": "words"}
    features = {
        "user": {"age": {"kind": "bucket", "boundaries": [30.0]}},
        "item": {
            "both": {"kind": "combined", "of": ["genre", "year"]},
            "genre": words,
            "year": {"kind": "categorical", "hash_bins": 5},
            "tags": {**words, "list": True, "keep": "last"},
        },
    }
    artifacts = write_raw(tmp_path, items={"year": [1990 + number % 7 for number in range(20)]})
    found = inspect(ratings_recipe(features=features), artifacts)
    names = [column.name for column in found.columns]
    assert names == ["user", "item", "stars", "age", "genre", "year", "tags"]
    assert found.columns[names.index("year")].distinct == 7


def test_many_values_are_told_with_the_memory_that_they_take() -> None:
    """Ten million URLs in embeddings of 64 numbers of four bytes; hashed or averaged ones have none."""
    urls = ColumnFacts(
        table="items",
        name="url",
        key="features.item.url",
        type="String",
        is_number=False,
        rows=20_000_000,
        nulls=0,
        distinct=10_000_000,
        commonest=None,
        drift=None,
        auc=None,
        determines=None,
    )

    def said_of(**features: dict[str, Any]) -> list[str]:
        recipe = ratings_recipe(features={"item": features})
        return list(remarks(recipe, [urls], [], None, Repeats(0, 0)))

    (remark,) = said_of(url={"kind": "categorical"})
    assert "has 10,000,000 values: an embedding of 64 numbers for each takes 2.6 GB" in remark
    assert "Raise frequency_threshold of features.item.url" in remark
    assert said_of(url={"kind": "categorical", "hash_bins": 1000}) == []
    assert said_of(rate={"kind": "target", "of": "url"}) == []
