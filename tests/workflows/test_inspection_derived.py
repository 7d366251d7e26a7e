"""Of features that the interactions and times make, the raw columns are inspected."""

from pathlib import Path

import pyarrow as pa

from tests.workflows.ratings import ratings_recipe, write_raw
from workflows.inspection.inspect import inspect


def test_raw_columns_are_shown_once_and_counts_not_at_all(tmp_path: Path) -> None:
    """A time is a number of seconds; ids, counted among the interactions, are not shown twice."""
    made = pa.array([None, *range(19)], pa.timestamp("s"))
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
