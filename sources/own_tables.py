"""Source ``files``: the user's own three tables, each a file, a folder of files, or a URL of these."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from recipes.schema.recipe import Recipe
from runtime.conditions import columns_of, parse
from sources.formats import Format, arrow_files, csv_files, json_lines
from sources.formats.found import Found, find
from sources.parquet_files import ParquetFiles
from sources.spool import Spool
from sources.tables import RawTable, RawTables, TableName

#: Readers take files, the place for messages, and the columns that every file must have.
_READERS: dict[Format, Callable[[Sequence[Found], str, Collection[str]], ParquetFiles | Spool]] = {
    "parquet": ParquetFiles,
    "csv": csv_files.read,
    "jsonl": json_lines.read,
    "arrow": arrow_files.read,
}


def read(recipe: Recipe, data_dir: Path | None) -> RawTables:
    """Open the recipe's three tables; one that it does not name has the ids in the interactions.

    Raises:
        ShortlistError: a file is missing, damaged or of another format, or the files of a folder
            contradict each other.
    """
    return three_tables(recipe, lambda name, place: opened(name, place, needed(recipe, name)))


def inputs(recipe: Recipe) -> list[str]:
    """What the tables depend on: path, size and modification time of every file."""
    tables = recipe.source.paths
    files = [
        file.path
        for name, path in tables.items()
        for file in find(Path(path), path, f"source.{name}", quiet=True)[1]
    ]
    return [
        *(f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files),
        *(f"{name}: {' '.join(sorted(needed(recipe, name)))}" for name in tables),
    ]


def three_tables(recipe: Recipe, open_table: Callable[[TableName, str], RawTable]) -> RawTables:
    """The tables that the recipe names, opened; users and items that it does not name have ids only."""
    source, columns = recipe.source, recipe.columns
    if source.interactions is None:
        raise ValueError(
            f"expected source.interactions in a recipe of kind '{source.kind}', got none"
        )
    interactions = open_table("interactions", source.interactions)

    def side(name: TableName, place: str | None, column: str) -> RawTable:
        return open_table(name, place) if place else _ids(name, interactions, column)

    users = side("users", source.users, columns.user)
    return RawTables(interactions, users, side("items", source.items, columns.item))


def opened(name: TableName, given: str, needed: set[str]) -> RawTable:
    """Open one table. Files that lack a ``needed`` column are refused."""
    kind, files = find(Path(given), given, f"source.{name}")
    table = _READERS[kind](files, given, needed)
    return RawTable(name, given, table, place=table.place)


def needed(recipe: Recipe, name: TableName | str) -> set[str]:
    """The columns of a table that the recipe reads."""
    columns = recipe.columns
    if name == "users":
        return {columns.user, *recipe.features.columns("user")}
    if name == "items":
        named = {columns.item, *recipe.features.columns("item"), columns.title}
    else:
        conditions = (recipe.interactions.filter, recipe.interactions.positive)
        named = {columns.user, columns.item, columns.timestamp, columns.label, columns.weight}
        named |= {recipe.split.column}
        named |= {column for text in conditions if text for column in columns_of(parse(text))}
    return {column for column in named if column is not None}


def _ids(name: TableName, interactions: RawTable, column: str) -> RawTable:
    origin = f"the {name} of {interactions.origin} (the recipe names no source.{name})"
    if column not in interactions.schema.names:
        return RawTable(name, origin, pa.table({}))
    return RawTable(name, origin, pa.table({column: pc.unique(interactions.column(column))}))
