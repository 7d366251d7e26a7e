"""Data that cannot be prepared, and data that only look like it."""

import json
from collections.abc import Callable

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from workflows.prepare import prepare

Build = Callable[..., Recipe]
Read = Callable[[Artifacts, str], pd.DataFrame]
Replace = Callable[..., None]


def test_a_part_without_rows_is_refused(shop: Artifacts, shop_recipe: Build) -> None:
    """Too few rows for a test part: the message names the part and the number of rows."""
    pq.write_table(pq.read_table(shop.raw.interactions).slice(0, 1), shop.raw.interactions)
    with pytest.raises(
        ShortlistError, match=r"rows in the (test|valid|training) part .* none of 1 inter"
    ):
        prepare(shop_recipe(), shop, force=False)
    assert not shop.prepared.root.exists()


def test_everything_filtered_away_is_refused(shop: Artifacts, shop_recipe: Build) -> None:
    """The message names the filter and how many rows there were."""
    recipe = shop_recipe(interactions={"filter": "stars > 5"})
    with pytest.raises(ShortlistError, match=r"got 0 of 300 .*`stars > 5` holds for none"):
        prepare(recipe, shop, force=False)


def test_an_empty_table_is_refused(shop: Artifacts, shop_recipe: Build) -> None:
    """No interactions at all: the message says so."""
    pq.write_table(pq.read_table(shop.raw.interactions).slice(0, 0), shop.raw.interactions)
    with pytest.raises(ShortlistError, match=r"got 0 of 0 .* table is empty"):
        prepare(shop_recipe(), shop, force=False)


@pytest.mark.parametrize("column", ["stars", "at", "sku"])
def test_a_missing_column_is_named(shop: Artifacts, shop_recipe: Build, column: str) -> None:
    """Label, timestamp or id not in the table: the message has the column, the file and its columns."""
    table = pq.read_table(shop.raw.interactions)
    pq.write_table(table.drop_columns(column), shop.raw.interactions)
    with pytest.raises(ShortlistError, match=rf"the column '{column}'.*parquet, got: .*channel"):
        prepare(shop_recipe(), shop, force=False)


def test_a_missing_feature_is_named(shop: Artifacts, shop_recipe: Build) -> None:
    """A feature that the items table lacks: the message has column and file."""
    pq.write_table(pq.read_table(shop.raw.items).drop_columns("tags"), shop.raw.items)
    with pytest.raises(ShortlistError, match=r"expected the column 'tags'.*items.parquet, got"):
        prepare(shop_recipe(), shop, force=False)


def test_infinite_numbers_are_refused(
    shop: Artifacts, shop_recipe: Build, replace_column: Replace
) -> None:
    """One infinity would make the whole column NaN."""
    replace_column(shop.raw.items, "price", [float("inf"), *[1.0] * 29])
    with pytest.raises(ShortlistError, match=r"in the feature 'price', got the mean (inf|nan)"):
        prepare(shop_recipe(), shop, force=False)


def test_a_column_without_one_value_is_all_null(
    shop: Artifacts, shop_recipe: Build, encoded: Read, replace_column: Replace
) -> None:
    """An all-null feature has code 1 everywhere and an empty vocabulary, and is no error."""
    replace_column(shop.raw.users, "country", pa.nulls(11, pa.string()))
    replace_column(shop.raw.items, "tags", pa.nulls(30, pa.list_(pa.string())))
    prepare(shop_recipe(), shop, force=False)
    assert set(encoded(shop, "train")["country"]) == {1}
    assert {tuple(codes) for codes in encoded(shop, "train")["tags"]} == {(1,)}
    assert json.loads((shop.prepared.encoding / "vocabularies/country.json").read_text()) == []
