"""Query an SQLite file."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa

from sources.formats.text_types import TIMES, Guess, described
from sources.spool import Spool
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

_ROWS_AT_ONCE = 1 << 16
_TYPES = {"integer": pa.int64(), "real": pa.float64(), "text": pa.string(), "blob": pa.binary()}


def read(path: Path, query: str, origin: str) -> Spool:
    """The rows of a query; the file is opened read-only.

    A column of SQLite has no type: it is that of its values, text if some of them are text. Text is a time if
    all of it is.

    Raises:
        ShortlistError: there is no such file, or SQLite refuses the query.
    """
    query = query.strip().rstrip(";")
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("BEGIN")  # both queries see the same rows
            schema = _schema(connection, query, origin)
            guesses = {each.name: Guess(TIMES) for each in schema if pa.types.is_string(each.type)}
            rows = _batches(connection, query, schema)
            table = Spool([("the result", rows)], schema, guesses)
    except (sqlite3.Error, pa.ArrowInvalid) as error:
        raise ShortlistError(
            f"expected rows from {origin} and {path}, got an error of SQLite: {error}. Correct the query or "
            "the connection."
        ) from error
    log.info(f"{origin}: {table.num_rows:,} rows of {described(table.schema)}")
    return table


def _schema(connection: sqlite3.Connection, query: str, origin: str) -> pa.Schema:
    with closing(connection.execute(query)) as result:
        names = [each[0] for each in result.description or ()]
    if not names:
        raise ShortlistError(f"expected a query that returns rows as {origin}, got none.")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ShortlistError(
            f"expected each column once in {origin}, got '{twice[0]}' more than once. Rename it with AS."
        )
    quoted = ['"' + name.replace('"', '""') + '"' for name in names]
    kinds = ", ".join(f"typeof({name})" for name in quoted)
    together = connection.execute(f"SELECT DISTINCT {kinds} FROM ({query})").fetchall()
    columns = zip(*together, strict=True) if together else [() for _ in names]
    return pa.schema(
        [(name, _type({*found} - {"null"})) for name, found in zip(names, columns, strict=True)]
    )


def _type(kinds: set[str]) -> pa.DataType:
    """The type of a column whose values are of these kinds of SQLite."""
    if not kinds:
        return pa.null()
    if len(kinds) == 1:
        return _TYPES[kinds.pop()]
    return pa.float64() if kinds == {"integer", "real"} else pa.string()


def _batches(
    connection: sqlite3.Connection, query: str, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    rows = connection.execute(query)
    while some := rows.fetchmany(_ROWS_AT_ONCE):
        columns = [
            pa.array(_values(values, kind), kind)
            for values, kind in zip(zip(*some, strict=True), schema.types, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _values(values: tuple[Any, ...], kind: pa.DataType) -> list[Any]:
    if not pa.types.is_string(kind):
        return list(values)
    return [
        value if value is None or isinstance(value, str | bytes) else str(value) for value in values
    ]
