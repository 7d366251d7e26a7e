"""Queries of databases are tables; no password is in a recipe."""

import importlib
import os
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest

from recipes.load import load
from recipes.schema.recipe import Recipe
from sources.databases import adbc, sqlite_file
from sources.ingest import ingest
from stages.artifacts import Artifacts
from stages.errors import ShortlistError

_RECIPE = """
name = "shop"
[source]
kind = "sql"
connection = "{connection}"
interactions = "SELECT who AS customer, what AS product, day FROM sales ORDER BY day"
items = "SELECT product, price FROM goods"
[columns]
user = "customer"
item = "product"
timestamp = "day"
[features.item]
price = {{ kind = "numeric" }}
[split]
kind = "leave-last-out"
"""
_SALES = [(7, "pen", "2024-03-02"), (8, "ink", "2024-03-01"), (9, "pen", "2024-03-03")]


def _recipe(folder: Path, connection: str) -> Recipe:
    path = folder / "shop.toml"
    path.write_text(_RECIPE.format(connection=connection))
    return load(str(path))


def _fill(connection: Any) -> None:
    connection.execute("CREATE TABLE sales (who INTEGER, what TEXT, day TEXT)")
    connection.execute("CREATE TABLE goods (product TEXT, price DOUBLE PRECISION)")
    for who, what, day in _SALES:
        connection.execute(f"INSERT INTO sales VALUES ({who}, '{what}', '{day}')")
    connection.execute("INSERT INTO goods VALUES ('pen', 2.5), ('ink', 4)")


def _read(recipe: Recipe, folder: Path) -> Artifacts:
    artifacts = Artifacts(folder / "artifacts")
    ingest(recipe, artifacts, None)
    table = pq.read_table(artifacts.raw.interactions)
    assert table["customer"].to_pylist() == [8, 7, 9]
    assert table["product"].to_pylist() == ["ink", "pen", "pen"]
    assert [f"{day:%Y-%m-%d}" for day in table["day"].to_pylist()] == sorted(
        day for *_, day in _SALES
    )
    assert pq.read_table(artifacts.raw.items)["price"].to_pylist() == [2.5, 4.0]
    return artifacts


@pytest.mark.parametrize("database", ["duckdb", "sqlite"])
def test_an_embedded_database_is_read_again_after_a_change(
    tmp_path: Path, said: list[str], database: str
) -> None:
    """The file is relative to the recipe; its size and time tell whether the tables are up to date."""

    def opened() -> Any:
        path = tmp_path / "shop.db"
        return duckdb.connect(path) if database == "duckdb" else sqlite3.connect(path)

    with opened() as connection:
        _fill(connection)
    connection.close()
    recipe = _recipe(tmp_path, f"{database}:///shop.db")
    artifacts = _read(recipe, tmp_path)
    ingest(recipe, artifacts, None)
    assert said[-1].endswith("is up to date")
    with opened() as connection:
        connection.execute("INSERT INTO sales VALUES (10, 'ink', '2024-03-04')")
    connection.close()
    ingest(recipe, artifacts, None)
    assert pq.read_metadata(artifacts.raw.interactions).num_rows == 4


def test_a_column_of_sqlite_has_the_type_of_all_its_values(tmp_path: Path) -> None:
    """The first thousand rows are null or integers; one text makes the column text."""
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (a, b, c, d, e)")
        rows = [(None, number, 1, "2024-01-01", None) for number in range(2000)]
        connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute("INSERT INTO t VALUES ('x', 'y', 0.5, '2024-01-02 12:00', NULL)")
    table = sqlite_file.read(path, "SELECT * FROM t;", "the query source.items")
    types = {field.name: str(field.type) for field in table.schema}
    assert types == {"a": "string", "b": "string", "c": "double", "d": "timestamp[us]", "e": "null"}
    assert table.column("b").to_pylist()[-2:] == ["1999", "y"]
    with pytest.raises(ShortlistError, match="'a' more than once"):
        sqlite_file.read(path, "SELECT a, b AS a FROM t", "the query source.items")


@pytest.mark.parametrize("database", ["duckdb", "sqlite"])
def test_faults_of_a_query_are_told(tmp_path: Path, database: str) -> None:
    """No file; a column that is not there; a file of another kind."""
    recipe = _recipe(tmp_path, f"{database}:///shop.db")
    artifacts = Artifacts(tmp_path / "artifacts")
    with pytest.raises(ShortlistError, match=r"expected a database file at .*shop\.db"):
        ingest(recipe, artifacts, None)
    path = tmp_path / "shop.db"
    with duckdb.connect(path) if database == "duckdb" else sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE sales (who INTEGER)")
    connection.close()
    with pytest.raises(
        ShortlistError, match=r"query source\.interactions and .* error of \w+: .*what"
    ):
        ingest(recipe, artifacts, None)
    path.write_text("this is no database, but long enough to look like one" * 100)
    with pytest.raises(ShortlistError, match=r"query source\.interactions and .*, got an error of"):
        ingest(recipe, artifacts, None)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "duckdb:///",
            "postgresql://me:hush@host/",
            "no password or key in `connection`, got a password",
        ),
        (
            "duckdb:///",
            "postgresql://host/?password=hush&x=",
            "got the parameter 'password' in the URL",
        ),
        (
            "duckdb:///",
            "mysql://host/",
            "expected `connection` to begin with duckdb://, sqlite://, pos",
        ),
        ("duckdb:///", "duckdb://", "expected three slashes before the file in `connection`"),
        ('connection = "duckdb:///shop.db"', "", "expected `connection`, such as"),
    ],
)
def test_a_wrong_connection_is_refused_without_its_password(
    tmp_path: Path, old: str, new: str, complaint: str
) -> None:
    """The message says where passwords belong, and does not repeat them."""
    path = tmp_path / "shop.toml"
    path.write_text(_RECIPE.format(connection="duckdb:///shop.db").replace(old, new))
    with pytest.raises(ShortlistError) as raised:
        load(str(path))
    assert complaint in str(raised.value)
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize("name", ["snowflake", "bigquery"])
def test_a_driver_that_is_not_installed_is_named(name: str) -> None:
    """With the command that installs it."""
    with pytest.raises(ShortlistError, match=f"uv pip install adbc-driver-{name}"):
        adbc.read(f"{name}://account/database", "SELECT 1", "the query source.items")


_BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@pytest.fixture
def postgresql(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a PostgreSQL server; its password is in the environment."""
    if not _BINARIES:
        pytest.skip("no PostgreSQL server: install Debian's package postgresql")
    binaries = _BINARIES[-1].parent
    as_user = []
    if os.getuid() == 0:  # which PostgreSQL refuses
        as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path("/tmp") / f"shortlist-postgresql-{os.getpid()}"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "password").write_text("hush")
    try:
        made = f"{binaries}/initdb -D {folder}/data -U shop -A scram-sha-256 --no-sync -E UTF8 "
        made += f"--pwfile {folder}/password --locale=C"
        subprocess.run([*as_user, *made.split()], check=True, capture_output=True)
        server = f"{binaries}/postgres -D {folder}/data -p {port} -k {folder} -c fsync=off "
        server += "-c listen_addresses=127.0.0.1"
        monkeypatch.setenv("PGPASSWORD", "hush")
        with (
            (folder / "log").open("w") as log,
            subprocess.Popen([*as_user, *server.split()], stderr=log) as runs,
        ):
            try:
                url = f"postgresql://shop@127.0.0.1:{port}/postgres"
                _wait_for(url)
                yield url
            finally:
                runs.send_signal(2)
    finally:
        shutil.rmtree(folder)


def _wait_for(url: str) -> None:
    for _ in range(100):
        try:
            adbc.read(url, "SELECT 1 AS one", "a query")
        except ShortlistError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(url)


def test_a_postgresql_server_is_read(
    postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL's types become canonical ones; the error for a wrong password does not contain it."""
    driver = importlib.import_module("adbc_driver_postgresql.dbapi")
    with driver.connect(postgresql) as connection:
        with connection.cursor() as cursor:
            _fill(cursor)
            cursor.execute("CREATE TYPE mood AS ENUM ('a', 'b')")
        connection.commit()
    recipe = _recipe(tmp_path, postgresql)
    artifacts = _read(recipe, tmp_path)
    assert b"hush" not in b"".join(path.read_bytes() for path in artifacts.raw.root.iterdir())
    query = (
        "SELECT 12.5::numeric AS price, 'a'::mood AS mood, '{x,y}'::text[] AS tags, "
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS id, '{\"k\": 1}'::jsonb AS more"
    )
    table = adbc.read(postgresql, query, "the query source.items")
    (row,) = next(iter(table.to_batches())).to_pylist()
    assert row == {
        "price": 12.5,
        "mood": "a",
        "tags": ["x", "y"],
        "id": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "more": '{"k": 1}',
    }
    with pytest.raises(ShortlistError, match='relation "nope" does not exist'):
        adbc.read(postgresql, "SELECT * FROM nope", "the query source.items")
    monkeypatch.setenv("PGPASSWORD", "wrong-hush")
    with pytest.raises(
        ShortlistError, match="user and password are read from the environment"
    ) as raised:
        ingest(recipe, artifacts, None, force=True)
    assert "hush" not in str(raised.value)
