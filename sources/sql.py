"""Source ``sql``: the user's own three tables, each the result of a query."""

import time
from pathlib import Path

from recipes.schema.data import EMBEDDED
from recipes.schema.recipe import Recipe
from sources.databases import adbc, duckdb_file, sqlite_file
from sources.own_tables import three_tables
from sources.tables import RawTable, RawTables, TableName
from stages.errors import ShortlistError
from stages.log import logger
from stages.urls import scheme, without_secrets

log = logger(__name__)

#: Files beside that of an embedded database, with changes that are not in it yet.
_JOURNALS = ("", ".wal", "-wal")


def read(recipe: Recipe, data_dir: Path | None) -> RawTables:
    """The results of the recipe's queries; one that it does not name has the ids in the interactions.

    Raises:
        ShortlistError: the database cannot be reached, or refuses a query.
    """
    connection = recipe.source.connection or ""
    return three_tables(recipe, lambda name, query: _result(connection, name, query))


def inputs(recipe: Recipe) -> list[str]:
    """What the tables depend on besides connection and queries: the database's file, if it has one.

    A server does not tell whether its rows have changed, so they are read each time; if they are the same,
    later stages have nothing to do.
    """
    connection = recipe.source.connection or ""
    if scheme(connection) not in EMBEDDED:
        return [f"read at {time.time_ns()}"]
    path = _file(connection)
    beside = [path.with_name(path.name + each) for each in _JOURNALS]
    return [
        f"{each} {each.stat().st_size} {each.stat().st_mtime_ns}"
        for each in beside
        if each.exists()
    ]


def _result(connection: str, name: TableName, query: str) -> RawTable:
    origin = f"the query source.{name}"
    if scheme(connection) in EMBEDDED:
        path = _file(connection)
        if not path.is_file():
            raise ShortlistError(
                f"expected a database file at {path}, which the recipe names as source.connection, found "
                "none. Fix the path; a relative one starts at the recipe's folder."
            )
        reader = duckdb_file.read if scheme(connection) == "duckdb" else sqlite_file.read
        table = reader(path, query, origin)
    else:
        log.info(f"asking {without_secrets(connection)} for {origin}")
        table = adbc.read(connection, query, origin)
    return RawTable(name, origin, table, place=table.place)


def _file(connection: str) -> Path:
    return Path(connection.partition(":///")[2])
