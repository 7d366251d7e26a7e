"""Query a database server by its ADBC driver."""

import importlib
import os
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pyarrow as pa

from sources.spool import Spool
from stages.arrow_types import plain
from stages.errors import ShortlistError
from stages.urls import scheme, without_secrets


def read(connection: str, query: str, origin: str) -> Spool:
    """The rows of a query. Who asks, and with which password, is in the environment.

    Raises:
        ShortlistError: the driver is not installed, the server cannot be reached or refuses the query.
    """
    name = scheme(connection)
    driver = _driver(name)
    try:
        with _connected(driver, connection) as server, server.cursor() as cursor:
            cursor.execute(query)
            reader = cursor.fetch_record_batch()
            schema = plain(pa.schema([(each.name, _type(each.type)) for each in reader.schema]))
            return Spool([("the result", _converted(reader, schema))], schema)
    except (driver.Error, pa.ArrowException) as error:
        raise ShortlistError(
            f"expected rows from {origin} and {without_secrets(connection)}, got an error: "
            f"{str(error).strip()}. Correct the query or the connection; user and password are read from "
            "the environment, such as PGUSER and PGPASSWORD, or ~/.pgpass."
        ) from error


def _driver(name: str) -> ModuleType:
    package = f"adbc_driver_{name}"
    try:
        return importlib.import_module(f"{package}.dbapi")
    except ImportError as error:
        raise ShortlistError(
            f"expected the package {package} for a connection to {name}, found none. Install it: "
            f"uv pip install {package.replace('_', '-')}"
        ) from error


def _connected(driver: ModuleType, connection: str) -> Any:
    """A connection; each driver names the parts of an address in its own way."""
    parts = urlsplit(connection)
    path = parts.path.strip("/").split("/")
    if scheme(connection) == "snowflake":
        options = {
            "adbc.snowflake.sql.account": parts.hostname or "",
            "username": parts.username or os.environ.get("SNOWFLAKE_USER", ""),
            "password": os.environ.get("SNOWFLAKE_PASSWORD", ""),
            **dict(zip(("adbc.snowflake.sql.db", "adbc.snowflake.sql.schema"), path, strict=False)),
            **{f"adbc.snowflake.sql.{key}": value for key, value in parse_qsl(parts.query)},
        }
        return driver.connect(db_kwargs={key: value for key, value in options.items() if value})
    if scheme(connection) == "bigquery":
        options = {"adbc.bigquery.sql.project_id": parts.netloc}
        if path[0]:
            options["adbc.bigquery.sql.dataset_id"] = path[0]
        return driver.connect(db_kwargs=options)
    return driver.connect(connection)


def _converted(reader: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in reader:
        columns = [
            _plain(column).cast(kind)
            for column, kind in zip(batch.columns, schema.types, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def _type(kind: pa.DataType) -> pa.DataType:
    """Arrow's plain type for the types of a server: text for UUIDs, float64 for PostgreSQL's numeric."""
    if not isinstance(kind, pa.BaseExtensionType):
        return kind
    if isinstance(kind, pa.OpaqueType) and kind.type_name == "numeric":
        return pa.float64()
    return pa.string() if isinstance(kind, pa.UuidType) else kind.storage_type


def _plain(column: pa.Array) -> pa.Array:
    if not isinstance(column.type, pa.BaseExtensionType):
        return column
    if isinstance(column.type, pa.UuidType):
        values = column.storage.to_pylist()
        return pa.array([value and str(UUID(bytes=value)) for value in values], pa.string())
    return column.storage
