"""Source ``parquet``: three Parquet files of a person's own, named in the recipe."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from recipes.errors import ShortlistError
from recipes.recipe import Recipe
from sources.tables import RawTable, RawTables, TableName


def read(recipe: Recipe, data_dir: Path | None, say: Callable[[str], None]) -> RawTables:
    """Read the recipe's three files; tables it does not name are the ids in the interactions.

    Raises:
        ShortlistError: a file is missing, is no Parquet or is damaged.
    """
    source, columns = recipe.source, recipe.columns
    if source.interactions is None:
        raise ValueError("a recipe of kind 'parquet' names its interactions")
    interactions = _read("interactions", source.interactions)
    users = _side("users", source.users, interactions, columns.user)
    items = _side("items", source.items, interactions, columns.item)
    return RawTables(interactions, users, items)


def inputs(recipe: Recipe) -> list[str]:
    """What the tables depend on: path, size and time of change of every file."""
    source = recipe.source
    paths = [Path(path) for path in (source.interactions, source.users, source.items) if path]
    return [
        f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in paths if path.exists()
    ]


def _read(name: TableName, path: str) -> RawTable:
    if not Path(path).is_file():
        raise ShortlistError(
            f"There is no file {path}, which the recipe names as source.{name}. "
            "Expected a Parquet file; a relative path starts at the recipe's folder."
        )
    try:
        return RawTable(name, path, pq.ParquetFile(path).read())
    except (pa.ArrowException, OSError) as error:
        raise ShortlistError(
            f"{path} cannot be read as Parquet: {error}. "
            "Expected a complete Parquet file; write it again."
        ) from error


def _side(name: TableName, path: str | None, interactions: RawTable, column: str) -> RawTable:
    if path is not None:
        return _read(name, path)
    origin = f"the {name} of {interactions.origin} (the recipe names no source.{name})"
    if column not in interactions.table.column_names:
        return RawTable(name, origin, pa.table({}))
    ids = interactions.table.column(column)
    if pa.types.is_dictionary(ids.type):
        ids = ids.cast(ids.type.value_type)
    return RawTable(name, origin, pa.table({column: pc.unique(ids)}))
