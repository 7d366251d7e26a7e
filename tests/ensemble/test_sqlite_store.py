"""The embedded feature store: what differs from Redis."""

import sqlite3
from pathlib import Path

import pytest

from runtime.errors import StoreError
from runtime.stores.feature_store import Event, UserRecord
from runtime.stores.sqlite_store import SqliteFeatureStore

ANNA = UserRecord({"age": 30, "tastes": ["jazz", None]}, ["b", "a"])
#: A store of the first version.
FIRST_FORMAT = """
CREATE TABLE users (user_id TEXT PRIMARY KEY, features TEXT NOT NULL, interactions TEXT NOT NULL)
WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
INSERT INTO users VALUES ('anna', '{"age":30,"tastes":["jazz",null]}', '["b","a"]');
INSERT INTO facts VALUES ('source', 'the first data');
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def test_a_missing_store_is_named(path: Path) -> None:
    """A reader creates no empty store; the error names the missing file."""
    store = SqliteFeatureStore(path, read_only=True)
    with pytest.raises(StoreError, match=r"a feature store at .*store\.sqlite, found none"):
        store.get_many(["anna"])
    assert not path.exists()


def test_a_damaged_record_is_an_error_not_an_answer(path: Path) -> None:
    """For a record that is not JSON, the error names the store."""
    store = SqliteFeatureStore(path)
    store.load("first", [("anna", ANNA)])
    with sqlite3.connect(path) as other:
        other.execute("UPDATE loaded SET features = '{'")
    with pytest.raises(
        StoreError, match=r"expected to read the feature store .*store\.sqlite, got: "
    ):
        store.get_many(["anna"], "first")


@pytest.fixture
def before(path: Path) -> Path:
    """A store of the first format, with one user."""
    with sqlite3.connect(path) as first:
        first.execute("PRAGMA journal_mode = WAL")
        first.executescript(FIRST_FORMAT)
    first.close()
    return path


def _read_by_the_first_version(path: Path) -> list[tuple[str, str, str]]:
    with sqlite3.connect(path) as first:
        return first.execute("SELECT user_id, features, interactions FROM users").fetchall()


def test_a_store_of_the_first_format_loses_nothing(before: Path) -> None:
    """Its records stay; events and switched-off items can be added, and stay."""
    store = SqliteFeatureStore(before)
    assert store.get_many(["anna"]) == [ANNA]
    assert store.versions() == {""}
    assert store.record([Event.of("anna", "c", time=1.0)]) == 1
    store.switch(["b"], on=False)
    store.close()
    again = SqliteFeatureStore(before, read_only=True)
    expected = UserRecord(ANNA.features, ["b", "a", "c"], recorded=1, kinds=("interaction",))
    assert again.get_many(["anna"]) == [expected]
    assert again.switched_off() == {"b"}


def test_releases_of_the_first_version_go_on(before: Path) -> None:
    """Older code is served from the same file: a new version of the records does not change what it reads,
    and live features do. What it reads is removed like any version."""
    store = SqliteFeatureStore(before)
    store.load("first", [("anna", UserRecord({"age": 29}, ["c"]))])
    assert store.versions() == {"", "first"}
    assert _read_by_the_first_version(before) == [
        ("anna", '{"age":30,"tastes":["jazz",null]}', '["b","a"]')
    ]
    store.set_features([("anna", {"age": 31}), ("new", {"age": 5})])
    assert _read_by_the_first_version(before) == [
        ("anna", '{"age":31,"tastes":["jazz",null]}', '["b","a"]'),
        ("new", '{"age":5}', "[]"),
    ]
    assert store.get_many(["anna"], "first") == [UserRecord({"age": 31}, ["c"])]
    store.drop([""])
    assert store.versions() == {"first"}
    assert store.get_many(["anna"]) == [None]
