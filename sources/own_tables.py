"""Source ``files``: the user's own three tables, each a file, a folder of files, or a URL of these."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import pyarrow as pa

from recipes.schema.recipe import Recipe
from sources.formats import Format, arrow_files, csv_files, json_lines
from sources.formats.found import Found, find
from sources.parquet_files import ParquetFiles
from sources.remote import fetch, versions
from sources.spool import Spool
from sources.tables import RawTable, RawTables, TableName
from stages.log import logger
from stages.urls import is_url

log = logger(__name__)

#: Bytes that take seconds to read.
_LARGE = 50_000_000
#: Readers take files, the place for messages, and the columns that every file must have.
_READERS: dict[
    Format, Callable[[Sequence[Found], str, Collection[str] | None], ParquetFiles | Spool]
] = {
    "parquet": ParquetFiles,
    "csv": csv_files.read,
    "jsonl": json_lines.read,
    "arrow": arrow_files.read,
}


def read(recipe: Recipe, data_dir: Path | None) -> RawTables:
    """Open the recipe's three tables.

    Raises:
        ShortlistError: a file is missing, damaged or of another format, or the files of a folder
            contradict each other.
    """
    return three_tables(recipe, lambda name, place: opened(name, place, _needed(recipe, name)))


def inputs(recipe: Recipe) -> list[str]:
    """What the tables depend on: path, size and modification time of every file."""
    lines = []
    for name, place in recipe.source.paths.items():
        named = f"the recipe names as source.{name}"
        if is_url(place):
            lines += versions(place, named)
            continue
        for file in find(Path(place), place, named, quiet=True)[1]:
            stat = file.path.stat()
            lines.append(f"{file.path} {stat.st_size} {stat.st_mtime_ns}")
    return lines


def three_tables(recipe: Recipe, open_table: Callable[[TableName, str], RawTable]) -> RawTables:
    """The tables that the recipe names, opened."""
    source = recipe.source
    if source.interactions is None:
        raise ValueError(
            f"expected source.interactions in a recipe of kind '{source.kind}', got none"
        )

    def side(name: TableName, place: str | None) -> RawTable:
        return (
            open_table(name, place) if place else RawTable(name, "", pa.table({}), is_given=False)
        )

    interactions = open_table("interactions", source.interactions)
    return RawTables(interactions, side("users", source.users), side("items", source.items))


def opened(
    name: TableName, given: str, needed: Collection[str] | None = None, named: str = ""
) -> RawTable:
    """Open one table.

    Args:
        given: its path or URL.
        needed: see ``common_schema``.
        named: who names it, for messages; by default the recipe.
    """
    named = named or f"the recipe names as source.{name}"
    path, copy = fetch(given, named) if is_url(given) else (Path(given), None)
    kind, files = find(path, given, named)
    size = sum(file.path.stat().st_size for file in files)
    if kind != "parquet" and size > _LARGE:
        log.info(f"reading {given}: {size / 1e6:,.0f} MB")
    table = _READERS[kind](files, given, needed)
    table.kept = copy
    return RawTable(name, given, table, place=table.place)


def _needed(recipe: Recipe, table: TableName) -> set[str]:
    """The columns of a table that the recipe reads, as the table calls them."""
    options, names = recipe.source.columns, set()
    for name in recipe.columns_of(table):
        given = (options[name].name_in(table) if name in options else None) or name
        parts = given.split(".")  # of fields of structs, the column
        names |= {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    return names
