"""Source ``parquet``: three tables of a person's own, each a Parquet file or a folder of them."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from recipes.schema.recipe import Recipe
from sources.parquet_files import ParquetFiles
from sources.tables import RawTable, RawTables, TableName
from stages.errors import ShortlistError


def read(recipe: Recipe, data_dir: Path | None) -> RawTables:
    """Open the recipe's three tables; those it does not name are the ids in the interactions.

    Raises:
        ShortlistError: a file is missing, is no Parquet or is damaged, or the files of a folder are not
            of one table.
    """
    source, columns = recipe.source, recipe.columns
    if source.interactions is None:
        raise ValueError("a recipe of kind 'parquet' names its interactions")
    interactions = _open("interactions", source.interactions)
    users = _side("users", source.users, interactions, columns.user)
    items = _side("items", source.items, interactions, columns.item)
    return RawTables(interactions, users, items)


def inputs(recipe: Recipe) -> list[str]:
    """What the tables depend on: path, size and time of change of every file."""
    source = recipe.source
    paths = [Path(path) for path in (source.interactions, source.users, source.items) if path]
    files = [file for path in paths for file in (_in_folder(path) if path.is_dir() else [path])]
    return [
        f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files if file.exists()
    ]


def _in_folder(folder: Path) -> list[Path]:
    """In the order of their names, as their rows will be; writers mark their own files by . and _."""
    return sorted(
        file for file in folder.glob("*.parquet") if file.is_file() and file.name[0] not in "._"
    )


def _open(name: TableName, given: str) -> RawTable:
    path = Path(given)
    if not path.exists():
        raise ShortlistError(
            f"There is no file {path}, which the recipe names as source.{name}. Expected a Parquet "
            "file or a folder of them; a relative path starts at the recipe's folder."
        )
    files = _in_folder(path) if path.is_dir() else [path]
    if not files:
        raise ShortlistError(
            f"The folder {path}, which the recipe names as source.{name}, holds no file whose name "
            "ends in .parquet. Expected one or more (folders within it are not looked into)."
        )
    table = ParquetFiles(files)
    return RawTable(name, given, table, place=table.place)


def _side(name: TableName, path: str | None, interactions: RawTable, column: str) -> RawTable:
    if path is not None:
        return _open(name, path)
    origin = f"the {name} of {interactions.origin} (the recipe names no source.{name})"
    if column not in interactions.schema.names:
        return RawTable(name, origin, pa.table({}))
    return RawTable(name, origin, pa.table({column: pc.unique(interactions.column(column))}))
