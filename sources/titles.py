"""What people call the items."""

from typing import TYPE_CHECKING

from stages.artifacts import Artifacts

if TYPE_CHECKING:
    from recipes.schema.recipe import Recipe


def titles(recipe: "Recipe", artifacts: Artifacts) -> dict[str, str]:
    """Titles by raw item id as text, of the items that have one.

    Empty where the recipe names no title, or the tables are elsewhere.
    """
    item, title = recipe.columns.item, recipe.columns.title
    if title is None or not artifacts.raw.items.exists():
        return {}
    import pyarrow.parquet as pq

    table = pq.read_table(artifacts.raw.items, columns=[item, title])
    ids = map(str, table[item].to_pylist())
    pairs = zip(ids, table[title].to_pylist(), strict=True)
    return {number: name for number, name in pairs if name is not None}
