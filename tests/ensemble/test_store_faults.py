"""A feature store that is down, slow, full or damaged raises ``StoreError`` soon, and recovers."""

import os
import shutil
import socket
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime.errors import StoreError
from runtime.stores.feature_store import Event, FeatureStore, UserRecord
from runtime.stores.open_store import open_store
from runtime.stores.sqlite_store import SqliteFeatureStore
from tests.redis_server import RedisServer, running_redis

ANNA = UserRecord({"age": 30}, ["b", "a"])
BEN = UserRecord({"age": 40}, [])
#: The version of the records.
V = "first"
#: The server's default deadline for a store, and how long a busy machine may take to notice.
DEADLINE_S, NOTICED_S = 0.02, 2.0
NOBODY = 65534


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


def _served(where: str) -> FeatureStore:
    """Open a store as the server does."""
    return open_store(where, recipe="shop", deadline_s=DEADLINE_S, read_only=True, kept=1000)


def _written(where: str, deadline_s: float | None = None) -> FeatureStore:
    return open_store(where, recipe="shop", deadline_s=deadline_s, read_only=False, kept=1000)


@contextmanager
def _fails(match: str) -> Iterator[None]:
    began = time.monotonic()
    with pytest.raises(StoreError, match=match):
        yield
    assert time.monotonic() - began < NOTICED_S


def _eventually(store: FeatureStore) -> list[UserRecord | None]:
    """A busy machine may be late once or twice; a store that does not recover always is."""
    for _ in range(100):
        try:
            return store.get_many(["anna"], V)
        except StoreError:
            time.sleep(0.02)
    return store.get_many(["anna"], V)


def test_redis_that_is_down_at_first_and_restarted(redis: RedisServer) -> None:
    """It may start after its clients, stop and start again: each time they reconnect by themselves."""
    redis.stop()
    store, writer = _served(redis.url), _written(redis.url)
    asked: list[Callable[[], object]] = [
        lambda: store.get_many(["anna"], V),
        store.switched_off,
        store.versions,
        lambda: writer.record([Event.of("anna", "c")]),
        lambda: writer.load(V, [("anna", ANNA)]),
        lambda: writer.set_features([("anna", {"age": 31})]),
        lambda: writer.drop([V]),
        lambda: writer.switch(["a"], on=False),
    ]
    for ask in asked:
        with _fails(
            r"expected to (read|write to) the feature store "
            rf"redis://127\.0\.0\.1:{redis.port}/0, got: .*refused"
        ):
            ask()
    for _ in range(2):
        redis.start()
        writer.load(V, [("anna", ANNA)])
        assert _eventually(store) == [ANNA]
        redis.stop()
        with _fails("expected to read the feature store"):
            store.get_many(["anna"], V)


def test_redis_that_hangs(redis: RedisServer) -> None:
    """It accepts connections and never answers: the deadline ends the wait, connected before or not."""
    store = _served(redis.url)
    _written(redis.url).load(V, [("anna", ANNA)])
    assert _eventually(store) == [ANNA]
    with redis.hanging():
        for connected in (store, _served(redis.url)):
            with _fails("to read the feature store .*, got no reply within 20 ms"):
                connected.get_many(["anna"], V)
        with _fails("to write to the feature store .*, got no reply within 100 ms"):
            _written(redis.url, deadline_s=0.1).record([Event.of("anna", "c")])
    assert _eventually(store)[0] is not None


def test_a_redis_host_that_swallows_everything() -> None:
    """If not even a connection is established, the deadline also ends the wait."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        address = server.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:  # fills the queue of waiting connections
            each.setblocking(False)
            each.connect_ex(address)
        with _fails("got no reply within 20 ms"):
            _served(f"redis://127.0.0.1:{address[1]}").get_many(["anna"], V)
        for each in waiting:
            each.close()


def test_redis_that_is_full(redis: RedisServer) -> None:
    """Writes fail as a whole with a clear message; reads work, and so do writes with memory again."""
    store = _written(redis.url)
    store.load(V, [("anna", ANNA)])
    redis.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    redis.ask("CONFIG", "SET", "maxmemory", "1")
    writes: list[Callable[[], object]] = [
        lambda: store.record([Event.of("anna", "c")]),
        lambda: store.load(V, [("ben", BEN)]),
        lambda: store.load("another", [("ben", BEN)]),
        lambda: store.set_features([("anna", {"age": 31})]),
        lambda: store.switch(["a"], on=False),
    ]
    for write in writes:
        with _fails("to write to the feature store .*, got: .*maxmemory"):
            write()
    assert store.get_many(["anna", "ben"], V) == [ANNA, None]
    assert (store.versions(), store.switched_off()) == ({V}, frozenset())
    redis.ask("CONFIG", "SET", "maxmemory", "0")
    assert redis.ask("DBSIZE") == 2, "nothing half-written is left"
    for write in writes:
        write()
    assert store.get_many(["ben"], V) == [BEN]


def test_redis_that_asks_for_a_password(redis: RedisServer) -> None:
    """The right one is enough; without it, the message states that and reveals no secret."""
    redis.ask("CONFIG", "SET", "requirepass", "s3cret")
    with _fails("Authentication required"):
        _served(redis.url).get_many(["anna"], V)
    with _fails("(?i)invalid (username|password)"):
        _served(redis.url.replace("//", "//:wr0ng@")).get_many(["anna"], V)
    right = redis.url.replace("//", "//:s3cret@")
    assert _written(right).get_many(["anna"], V) == [None]
    redis.stop()
    with pytest.raises(StoreError) as raised:
        _served(right).get_many(["anna"], V)
    assert "s3cret" not in str(raised.value)


@pytest.fixture
def path() -> Iterator[Path]:
    """A store with one user, in a folder that any user of the machine may enter."""
    folder = Path(tempfile.mkdtemp(prefix="shortlist-faults-"))
    folder.chmod(0o755)
    path = folder / "store.sqlite"
    store = SqliteFeatureStore(path)
    store.load(V, [("anna", ANNA)])
    store.close()
    yield path
    shutil.rmtree(folder)


@contextmanager
def _without_rights(*paths: Path) -> Iterator[None]:
    """In the block nobody may write; root, who always may, becomes the user nobody."""
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(NOBODY)
        for each in paths:
            if not root:
                each.chmod(0o555)
        yield
    finally:
        if root:
            os.seteuid(0)
        for each in paths:
            each.chmod(0o755)


def test_sqlite_that_is_locked(path: Path) -> None:
    """A call waits for an exclusive lock until its deadline; once it is released, all works."""
    store, writer = _served(str(path)), _written(str(path), deadline_s=0.1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    other.execute("UPDATE users SET features = features")
    with _fails("to (open|read) the feature store .*, got: .*locked"):
        store.get_many(["anna"], V)
    with _fails("to (open|write to) the feature store .*, got: .*locked"):
        writer.record([Event.of("anna", "c")])
    other.rollback()
    other.close()
    assert writer.record([Event.of("anna", "c")]) == 1
    expected = UserRecord(ANNA.features, ["b", "a", "c"], recorded=1, kinds=("interaction",))
    assert store.get_many(["anna"], V) == [expected]


def test_sqlite_is_read_while_another_writes(path: Path) -> None:
    """A writer's open transaction does not block readers; a second writer waits."""
    store, writer = _served(str(path)), _written(str(path), deadline_s=0.1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    other.execute("DELETE FROM users")
    assert store.get_many(["anna"], V) == [ANNA]
    with _fails("to (open|write to) the feature store .*, got: .*locked"):
        writer.record([Event.of("anna", "c")])
    other.rollback()
    other.close()
    assert writer.record([Event.of("anna", "c")]) == 1


def test_sqlite_that_takes_too_long(path: Path) -> None:
    """Work beyond the deadline, one per hundred users, is interrupted; the next call is answered."""
    many = SqliteFeatureStore(path, kept=1_000_000)
    many.record(Event.of("ben", str(n), time=float(n)) for n in range(200_000))
    many.close()
    served = open_store(str(path), recipe="shop", deadline_s=0.01, read_only=True, kept=1_000_000)
    with _fails("to read the feature store .*, got: no result within 10 ms"):
        served.get_many(["ben"], V)
    with _fails("to read the feature store .*, got: no result within 20 ms"):
        served.get_many(["ben", *map(str, range(100))], V)
    assert _eventually(served) == [ANNA]


def test_sqlite_without_the_right_to_write(path: Path) -> None:
    """In a read-only folder writes are refused and the content stays; afterwards all works."""
    store = _written(str(path))
    with (
        _without_rights(path, path.parent),
        _fails("to (open|write to) the feature store .*, got: .*(readonly|unable to open)"),
    ):
        store.record([Event.of("anna", "c")])
    assert store.get_many(["anna"], V) == [ANNA]
    assert store.record([Event.of("anna", "c")]) == 1


def test_sqlite_that_is_damaged_and_restored(path: Path) -> None:
    """For garbage in the file, the error names it; once the old content is restored, it is read."""
    store = _served(str(path))
    whole = path.read_bytes()
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with _fails(r"to open the feature store .*store\.sqlite, got: file is not a database"):
        store.get_many(["anna"], V)
    path.write_bytes(whole)
    assert store.get_many(["anna"], V) == [ANNA]


def test_sqlite_that_is_deleted_and_created_again(path: Path) -> None:
    """A missing file is reported, even if it was open; a new file of that name is used at once."""
    store, writer = _served(str(path)), _written(str(path))
    assert store.get_many(["anna"], V) == writer.get_many(["anna"], V) == [ANNA]
    for each in path.parent.iterdir():
        each.unlink()
    with _fails(r"a feature store at .*store\.sqlite, found none"):
        store.get_many(["anna"], V)
    writer.load(V, [("ben", BEN)])
    assert store.get_many(["anna", "ben"], V) == [None, BEN]


def test_sqlite_whose_folder_does_not_exist_yet(tmp_path: Path) -> None:
    """A server may start before its store exists."""
    path = tmp_path / "later" / "store.sqlite"
    store = _served(str(path))
    with _fails("expected a feature store at .*, found none"):
        store.switched_off()
    path.parent.mkdir()
    _written(str(path)).switch(["a"], on=False)
    assert store.switched_off() == {"a"}
