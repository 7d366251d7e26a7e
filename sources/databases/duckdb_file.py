"""Query a DuckDB file."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from sources.spool import Spool
from stages.arrow_types import plain
from stages.errors import ShortlistError

_ROWS_AT_ONCE = 1 << 17


def read(path: Path, query: str, origin: str) -> Spool:
    """The rows of a query; the file is opened read-only.

    Raises:
        ShortlistError: there is no such file, or DuckDB refuses the query.
    """
    try:
        with duckdb.connect(path, read_only=True) as connection:
            result = connection.sql(query)
            if result is None:
                raise ShortlistError(f"expected a query that returns rows as {origin}, got none.")
            reader = result.to_arrow_reader(_ROWS_AT_ONCE)
            schema = plain(reader.schema)
            return Spool([("the result", _plain(reader, schema))], schema)
    except duckdb.Error as error:
        raise ShortlistError(
            f"expected rows from {origin} and {path}, got an error of DuckDB: {error}. Correct the query "
            "or the connection."
        ) from error


def _plain(reader: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in reader:
        yield batch.cast(schema)
