"""Titles of items, by the ids in a server's answers."""

from pathlib import Path

from sources.ingest import ingest
from sources.titles import titles
from stages.artifacts import Artifacts
from tests.sources import shop


def test_titles_stand_by_the_raw_id_as_text(tmp_path: Path) -> None:
    """Ids are text, as in answers, and an item without a title has no entry."""
    orders = shop.ORDERS | {"product": [40, 41, 40, 42]}
    products = shop.PRODUCTS | {"product": [42, 41, 40], "name": ["Cup", None, "Pen"]}
    recipe = shop.write(tmp_path, orders=orders, products=products)
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(recipe, artifacts, None)
    assert titles(recipe, artifacts) == {"42": "Cup", "40": "Pen"}


def test_nothing_is_known_without_a_column_or_a_table(tmp_path: Path) -> None:
    """A recipe without columns.title and artifacts without raw tables both give no titles."""
    untitled = shop.write(tmp_path, shop.RECIPE.replace('title = "name"\n', ""))
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(untitled, artifacts, None)
    assert titles(untitled, artifacts) == {}
    assert titles(shop.write(tmp_path), Artifacts(tmp_path / "elsewhere")) == {}
