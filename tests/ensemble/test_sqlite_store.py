"""The embedded feature store."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from ensemble.runtime.errors import StoreError
from ensemble.runtime.feature_store import UserRecord
from ensemble.runtime.sqlite_store import SqliteFeatureStore

ANNA = UserRecord({"age": 30, "tastes": ["jazz", None]}, ["b", "a"])
BEN = UserRecord({"age": None}, [])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


def test_records_come_back_in_the_order_asked(path: Path) -> None:
    """Values and order survive; an id asked twice is answered twice, an unknown one None."""
    store = SqliteFeatureStore(path)
    store.put_many([("anna", ANNA), ("ben", BEN)])
    assert store.get_many(["ben", "nobody", "anna", "ben"]) == [BEN, None, ANNA, BEN]


def test_thousands_of_users_in_one_call(path: Path) -> None:
    """More ids than SQLite takes variables are asked in parts."""
    store = SqliteFeatureStore(path)
    store.put_many((str(user), UserRecord({"n": user}, [])) for user in range(3000))
    found = store.get_many([str(user) for user in range(3000)])
    assert [record.features["n"] for record in found if record] == list(range(3000))


def test_a_reader_sees_a_write_and_cannot_write(path: Path) -> None:
    """A read-only connection reads what another commits later, and is refused to write."""
    writer = SqliteFeatureStore(path)
    reader = SqliteFeatureStore(path, read_only=True)
    writer.put_many([("anna", ANNA)])
    assert reader.get_many(["anna"]) == [ANNA]
    with pytest.raises(StoreError, match="readonly"):
        reader.put_many([("ben", BEN)])


def test_a_failed_exchange_keeps_the_old_content(path: Path) -> None:
    """An error midway through `replace_all` leaves every old record and the old source."""
    store = SqliteFeatureStore(path)
    store.replace_all([("anna", ANNA)], "first")

    def broken() -> Iterator[tuple[str, UserRecord]]:
        yield "ben", BEN
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.replace_all(broken(), "second")
    assert store.get_many(["anna", "ben"]) == [ANNA, None]
    assert store.source() == "first"


def test_an_exchange_leaves_nothing_of_before(path: Path) -> None:
    """`replace_all` removes users that are not among the new ones."""
    store = SqliteFeatureStore(path)
    store.replace_all([("anna", ANNA)], "first")
    store.replace_all([("ben", BEN)], "second")
    assert store.get_many(["anna", "ben"]) == [None, BEN]
    assert store.source() == "second"


def test_a_missing_store_is_named(path: Path) -> None:
    """A reader makes no empty store; it says which file is missing."""
    with pytest.raises(StoreError, match=r"store\.sqlite does not exist"):
        SqliteFeatureStore(path, read_only=True)
    assert not path.exists()


def test_a_file_that_is_no_store_is_named(path: Path) -> None:
    """Another file in its place is refused with its name."""
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(StoreError, match=r"store\.sqlite cannot be opened"):
        SqliteFeatureStore(path)


def test_a_damaged_record_is_an_error_not_an_answer(path: Path) -> None:
    """A record that is no JSON fails with the store's name."""
    store = SqliteFeatureStore(path)
    with sqlite3.connect(path) as other:
        other.execute("INSERT INTO users VALUES ('anna', '{', '[]')")
    with pytest.raises(StoreError, match="cannot be read"):
        store.get_many(["anna"])


def test_odd_ids_are_ids(path: Path) -> None:
    """Quotes, the empty string, a null character and a megabyte are ids like any other."""
    store = SqliteFeatureStore(path)
    odd = ["'; DROP TABLE users; --", "", "a\x00b", "x" * 1_000_000, "日本"]
    store.put_many((user_id, BEN) for user_id in odd)
    assert store.get_many([*odd, "a"]) == [BEN] * 5 + [None]
