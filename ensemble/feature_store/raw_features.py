"""Where the raw values of a side's features are stored."""

from pathlib import Path

from features.kind import Side
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts


def raw_feature_files(
    recipe: Recipe, artifacts: Artifacts, side: Side
) -> list[tuple[Path, list[str]]]:
    """The Parquet files with feature columns, keyed by raw id, and the names of these columns."""
    columns, raw = recipe.columns, artifacts.raw
    own, table = (columns.user, raw.users) if side == "user" else (columns.item, raw.items)
    files = [
        (table, [name for name in recipe.features.columns(side) if name != own]),
        (artifacts.prepared.counts(side), recipe.features.counts(side)),
    ]
    return [(path, names) for path, names in files if path.exists()]
