"""Source ``parquet``: the user's own three tables, each a Parquet file or a folder of them."""

from pathlib import Path

import pyarrow as pa

from recipes.schema.recipe import Recipe
from sources.parquet_files import ParquetFiles
from sources.tables import RawTable, RawTables, TableName
from stages.errors import ShortlistError


def read(recipe: Recipe, data_dir: Path | None) -> RawTables:
    """Open the tables that the recipe names.

    Raises:
        ShortlistError: a file is missing, damaged or not Parquet, or the files of a folder differ in
            their columns.
    """
    source = recipe.source
    if source.interactions is None:
        raise ValueError("expected source.interactions in a recipe of kind 'parquet', got none")
    return RawTables(
        _open("interactions", source.interactions),
        _open("users", source.users),
        _open("items", source.items),
    )


def inputs(recipe: Recipe) -> list[str]:
    """What the tables depend on: path, size and modification time of every file."""
    source = recipe.source
    paths = [Path(path) for path in (source.interactions, source.users, source.items) if path]
    files = [file for path in paths for file in (_in_folder(path) if path.is_dir() else [path])]
    return [
        f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files if file.exists()
    ]


def _in_folder(folder: Path) -> list[Path]:
    """Sorted by name, the order of their rows; skips . and _ names, which writers give their own files."""
    return sorted(
        file for file in folder.glob("*.parquet") if file.is_file() and file.name[0] not in "._"
    )


def _open(name: TableName, given: str | None) -> RawTable:
    if given is None:
        return RawTable(name, "", pa.table({}), is_given=False)
    path = Path(given)
    if not path.exists():
        raise ShortlistError(
            f"expected a Parquet file or a folder of them at {path}, which the recipe names as "
            f"source.{name}, found none. Fix the path; a relative one starts at the recipe's folder."
        )
    files = _in_folder(path) if path.is_dir() else [path]
    if not files:
        raise ShortlistError(
            f"expected files whose names end in .parquet in the folder {path}, which the recipe names "
            f"as source.{name}, found none. Put them there; subfolders are not searched."
        )
    table = ParquetFiles(files)
    return RawTable(name, given, table, place=table.place)
