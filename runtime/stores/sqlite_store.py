"""The embedded feature store: a SQLite file in WAL mode, many readers, one writer at a time."""

import json
import math
import os
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import StoreError
from .feature_store import BEFORE_VERSIONS, PATIENCE_SECONDS, Event, UserRecord
from .sqlite_schema import SCHEMA

#: What is loaded of a user of whom nothing is: features, interactions, earlier, seen, had.
_NOTHING = ("{}", "[]", 0, b"", None)
#: Below 999, which was SQLite's default limit of variables per statement until version 3.32.
_VARIABLES = 900
#: The deadline is granted once per this many users: a large batch is not a hanging store.
_USERS_A_DEADLINE = 100
#: Virtual-machine steps between two checks of the clock: about ten microseconds.
_STEPS = 1000
#: A user's events are cut when there are this many times ``kept``.
_SLACK = 1.25
#: KiB. Events arrive by time but are stored by user, so a writer needs many pages in its cache.
_WRITER_CACHE = 64 * 1024


class SqliteFeatureStore:
    """A ``FeatureStore`` in one file, opened when first needed.

    If the file is missing or damaged, the next call tries again; a file that was replaced is opened anew.
    Threads may share a store, which serves one at a time.

    Args:
        path: the file; it is created if missing, unless ``read_only``. A file from an older version gets
            its missing tables, unless ``read_only``.
        read_only: open the file for reading only, as the server does.
        deadline_s: seconds per hundred users after which a call fails; None: it waits for other writers.
        kept: how many events to keep per user.
    """

    def __init__(
        self,
        path: Path,
        read_only: bool = False,
        *,
        deadline_s: float | None = None,
        kept: int = 1000,
    ) -> None:
        self.path = path
        self._read_only, self._deadline, self._kept = read_only, deadline_s, kept
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._until = 0.0
        self._lock = threading.RLock()

    def get_many(
        self, user_ids: Sequence[str], version: str = BEFORE_VERSIONS
    ) -> list[UserRecord | None]:
        found: dict[str, UserRecord] = {}
        wanted = list(dict.fromkeys(user_ids))
        with self._open("read", len(wanted)) as connection:
            for start in range(0, len(wanted), _VARIABLES):
                chunk = wanted[start : start + _VARIABLES]
                found |= self._records(connection, chunk, version)
        return [found.get(user_id) for user_id in user_ids]

    def load(self, version: str, records: Iterable[tuple[str, UserRecord]]) -> None:
        with self._open("write to") as connection:
            _drop(connection, [version])
            number = connection.execute(
                "INSERT INTO versions (name) VALUES (?)", [version]
            ).lastrowid
            connection.executemany(
                "INSERT OR REPLACE INTO loaded VALUES (?, ?, ?, ?, ?, ?, ?)",
                ((number, user_id, *_row(record)) for user_id, record in records),
            )

    def versions(self) -> frozenset[str]:
        with self._open("read") as connection:
            names = {row[0] for row in connection.execute("SELECT name FROM versions")}
            before = connection.execute("SELECT 1 FROM users LIMIT 1").fetchone()
        return frozenset(names | {BEFORE_VERSIONS} if before else names)

    def drop(self, versions: Iterable[str]) -> None:
        with self._open("write to") as connection:
            _drop(connection, versions)

    def set_features(self, users: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        with self._open("write to") as connection:
            before = connection.execute("SELECT 1 FROM users LIMIT 1").fetchone()
            for user_id, features in users:
                connection.executemany(
                    "INSERT OR REPLACE INTO live VALUES (?, ?, ?)",
                    ((user_id, name, _json(value)) for name, value in features.items()),
                )
                if before:
                    _set_before_versions(connection, user_id, features)

    def clear_features(self, user_ids: Iterable[str] | None = None) -> None:
        with self._open("write to") as connection:
            if user_ids is None:
                connection.execute("DELETE FROM live")
            else:
                ids = ((user_id,) for user_id in user_ids)
                connection.executemany("DELETE FROM live WHERE user_id = ?", ids)

    def record(self, events: Iterable[Event]) -> int:
        # In the order of the table, which visits each page once.
        rows = sorted((e.user_id, e.event_id, e.item_id, e.event, e.time) for e in events)
        counts = Counter(row[0] for row in rows)
        with self._open("write to") as connection:
            new = connection.executemany(
                "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?)", rows
            )
            connection.executemany(
                "INSERT INTO event_counts VALUES (?, ?) "
                "ON CONFLICT DO UPDATE SET events = events + excluded.events",
                counts.items(),
            )
            self._cut(connection, list(counts))
        return new.rowcount if rows else 0

    def switched_off(self) -> frozenset[str]:
        with self._open("read") as connection:
            return frozenset(row[0] for row in connection.execute("SELECT * FROM switched_off"))

    def switch(self, item_ids: Iterable[str], on: bool) -> None:
        statement = (
            "DELETE FROM switched_off WHERE item_id = ?"
            if on
            else "INSERT OR IGNORE INTO switched_off VALUES (?)"
        )
        with self._open("write to") as connection:
            connection.executemany(statement, ((item_id,) for item_id in item_ids))

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _records(
        self, connection: sqlite3.Connection, user_ids: Sequence[str], version: str
    ) -> dict[str, UserRecord]:
        """The records of at most ``_VARIABLES`` users, by id."""
        among = f"user_id IN ({','.join('?' * len(user_ids))})"
        live: dict[str, dict[str, Any]] = {}
        if version == BEFORE_VERSIONS:
            rows = connection.execute(
                f"SELECT user_id, features, interactions, 0, x'', NULL FROM users WHERE {among}",
                user_ids,
            )
        else:
            rows = connection.execute(
                "SELECT user_id, features, interactions, earlier, seen, had FROM loaded "
                f"WHERE version = (SELECT number FROM versions WHERE name = ?) AND {among}",
                [version, *user_ids],
            )
        loaded = {user_id: row for user_id, *row in rows}
        if version != BEFORE_VERSIONS:
            for user_id, name, value in connection.execute(
                f"SELECT user_id, name, value FROM live WHERE {among}", user_ids
            ):
                live.setdefault(user_id, {})[name] = json.loads(value)
        recorded: dict[str, list[tuple[str, str]]] = {}
        for user_id, item_id, event in connection.execute(
            f"SELECT user_id, item_id, event FROM events WHERE {among} "
            "ORDER BY user_id, time, event_id",
            user_ids,
        ):
            recorded.setdefault(user_id, []).append((item_id, event))
        found = {}
        for user_id in loaded.keys() | live.keys() | recorded.keys():
            features, interactions, earlier, seen, had = loaded.get(user_id, _NOTHING)
            newest = recorded.get(user_id, [])[-self._kept :]
            found[user_id] = UserRecord(
                json.loads(features) | live.get(user_id, {}),
                json.loads(interactions) + [item_id for item_id, _ in newest],
                len(newest),
                earlier,
                seen,
                tuple(event for _, event in newest),
                had,
            )
        return found

    def _cut(self, connection: sqlite3.Connection, user_ids: Sequence[str]) -> None:
        """Delete the oldest events of the users who have far too many."""
        for start in range(0, len(user_ids), _VARIABLES):
            chunk = user_ids[start : start + _VARIABLES]
            full = connection.execute(
                f"SELECT user_id FROM event_counts WHERE events > {self._kept * _SLACK} "
                f"AND user_id IN ({','.join('?' * len(chunk))})",
                chunk,
            ).fetchall()
            connection.executemany(
                "DELETE FROM events WHERE user_id = ?1 AND event_id NOT IN (SELECT event_id FROM "
                f"events WHERE user_id = ?1 ORDER BY time DESC, event_id DESC LIMIT {self._kept})",
                full,
            )
            connection.executemany(
                "UPDATE event_counts SET events = (SELECT count(*) FROM events WHERE user_id = ?1) "
                "WHERE user_id = ?1",
                full,
            )

    @contextmanager
    def _open(self, purpose: str, users: int = 1) -> Iterator[sqlite3.Connection]:
        """The connection, in a transaction that ends with the block: all or nothing."""
        with self._lock:
            allowed = (self._deadline or 0.0) * max(1, math.ceil(users / _USERS_A_DEADLINE))
            self._until = time.monotonic() + allowed
            doing = "open"
            try:
                connection = self._connected()
                doing = purpose
                with connection:
                    yield connection
            except (sqlite3.Error, json.JSONDecodeError, UnicodeError) as error:
                self.close()
                raise StoreError(
                    f"expected to {doing} the feature store {self.path}, got: {_cause(error, allowed)}"
                ) from error

    def _connected(self) -> sqlite3.Connection:
        file = self._on_disk()
        if self._connection is not None and file != self._file:
            self.close()
        if self._connection is not None:
            return self._connection
        if file is None and self._read_only:
            raise StoreError(f"expected a feature store at {self.path}, found none")
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode={'ro' if self._read_only else 'rwc'}",
            uri=True,
            # Triton loads a model in one thread and runs it in another; a lock separates them.
            check_same_thread=False,
            timeout=PATIENCE_SECONDS if self._deadline is None else self._deadline,
            isolation_level="IMMEDIATE",
        )
        try:
            if self._deadline is not None:
                connection.set_progress_handler(lambda: time.monotonic() > self._until, _STEPS)
            if not self._read_only:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(f"PRAGMA cache_size = -{_WRITER_CACHE}")
                connection.executescript(SCHEMA)
            connection.execute("SELECT 1 FROM users LIMIT 1")
        except BaseException:
            connection.close()
            raise
        self._connection, self._file = connection, self._on_disk()
        return connection

    def _on_disk(self) -> tuple[int, int] | None:
        """The identity of the file that is there now; None if there is none."""
        try:
            status = os.stat(self.path)
        except OSError:
            return None
        return status.st_dev, status.st_ino


def _cause(error: Exception, allowed: float) -> str:
    """The cause of an error in a call with a limit of ``allowed`` seconds."""
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
        return f"no result within {1000 * allowed:.0f} ms"
    return str(error)


def _row(each: UserRecord) -> tuple[str, str, int, bytes, bytes | None]:
    interactions = _json(list(each.loaded))
    return _json(dict(each.features)), interactions, each.earlier, each.seen, each.had


def _drop(connection: sqlite3.Connection, versions: Iterable[str]) -> None:
    for version in versions:
        if version == BEFORE_VERSIONS:
            connection.execute("DELETE FROM users")
        number = "(SELECT number FROM versions WHERE name = ?)"
        connection.execute(f"DELETE FROM loaded WHERE version = {number}", [version])
        connection.execute("DELETE FROM versions WHERE name = ?", [version])


def _set_before_versions(
    connection: sqlite3.Connection, user_id: str, features: Mapping[str, Any]
) -> None:
    """Set features where releases from before versions read them."""
    row = connection.execute("SELECT features FROM users WHERE user_id = ?", [user_id]).fetchone()
    text = _json({**(json.loads(row[0]) if row else {}), **features})
    connection.execute(
        "INSERT INTO users VALUES (?, ?, '[]') "
        "ON CONFLICT DO UPDATE SET features = excluded.features",
        [user_id, text],
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
