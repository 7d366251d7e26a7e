"""Titles of the items, for people to read."""

from typing import TYPE_CHECKING

from stages.artifacts import Artifacts

if TYPE_CHECKING:
    from recipes.schema.recipe import Recipe


def titles(recipe: "Recipe", artifacts: Artifacts) -> dict[str, str]:
    """Map raw item ids, as text, to titles; items without a title are left out.

    Empty if the recipe names no title column, or the raw tables are not on this machine.
    """
    item, title = recipe.columns.item, recipe.columns.title
    if title is None or not artifacts.raw.items.exists():
        return {}
    import pyarrow.parquet as pq

    table = pq.read_table(artifacts.raw.items, columns=[item, title])
    ids = map(str, table[item].to_pylist())
    pairs = zip(ids, table[title].to_pylist(), strict=True)
    return {number: name for number, name in pairs if name is not None}
