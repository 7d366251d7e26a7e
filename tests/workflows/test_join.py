"""Joining users and items to the interactions in NVTabular's engine."""

import pickle
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from workflows.engines.cluster import computing
from workflows.graph import side_schema
from workflows.operators.join import Join
from workflows.partitions import arrow_table, write_table
from workflows.prepare import prepare


def join_of(table: pl.DataFrame, path: Path) -> Join:
    write_table(arrow_table(table), path)
    return Join(path, "sku", side_schema(table, {"sku": "integer", "ean": "integer"}), gpu=False)


def test_a_join_is_sent_without_its_table(tmp_path: Path) -> None:
    """The size of a pickled join does not grow with the table."""
    sizes = [
        len(pickle.dumps(join_of(pl.DataFrame({"sku": range(rows)}), tmp_path / f"{digits}")))
        for digits, rows in enumerate((10, 100_000))
    ]
    assert sizes[0] == sizes[1]


def test_integers_beside_nulls_stay_integers(tmp_path: Path) -> None:
    """Rows keep their order, a null is a null, and 2^53 + 1 is not rounded."""
    eans = [None, 2**53 + 1, 7]
    table = pl.DataFrame({"sku": [3, 1, 2], "ean": pl.Series(eans, dtype=pl.Int64)})
    join = join_of(table, tmp_path / "items")
    with computing(1, None):
        rows = join.transform(None, pd.DataFrame({"sku": [2, 1, 3, 2]}))
    assert rows["ean"].tolist() == [7, 2**53 + 1, pd.NA, 7]


def test_a_partition_is_not_joined_again_for_each_column(
    shop: Artifacts, shop_recipe: Callable[..., Recipe], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There are as many joins with nine features as with none."""
    monkeypatch.setattr("workflows.partitions.ROWS_PER_PARTITION", 75)
    joined: list[str] = []
    transform = Join.transform

    def counted(self: Join, selector: object, rows: pd.DataFrame) -> pd.DataFrame:
        joined.append(self.path.name)
        return transform(self, selector, rows)

    monkeypatch.setattr(Join, "transform", counted)
    counts = []
    for recipe in (shop_recipe(), shop_recipe(features={})):
        joined.clear()
        prepare(recipe, shop, force=True, engine="dask", encoded_rows=True)
        counts.append(len(joined))
    assert counts[0] == counts[1] > 0
