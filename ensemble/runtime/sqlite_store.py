"""The embedded feature store: a SQLite file in WAL mode, many readers, one writer."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from .errors import StoreError
from .feature_store import UserRecord

_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (user_id TEXT PRIMARY KEY, features TEXT NOT NULL, interactions
TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
#: SQLite's default limit of variables in a statement was 999 for most of its life.
_VARIABLES = 900


class SqliteFeatureStore:
    """A ``FeatureStore`` in one file.

    Args:
        path: the file; it is made where it is missing, unless ``read_only``.
        read_only: open without the right to write, as the server does.

    Raises:
        StoreError: the file is missing, is no feature store, or cannot be opened.
    """

    def __init__(self, path: Path, read_only: bool = False) -> None:
        self.path = path
        if read_only and not path.is_file():
            raise StoreError(f"the feature store {path} does not exist")
        try:
            mode = "ro" if read_only else "rwc"
            # Triton loads a model in one thread and runs it in another, one at a time.
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                check_same_thread=False,
                timeout=5.0,
            )
            if not read_only:
                self._connection.execute("PRAGMA journal_mode = WAL")
                self._connection.executescript(_SCHEMA)
            self._connection.execute("SELECT 1 FROM users LIMIT 1")
        except sqlite3.Error as error:
            raise StoreError(f"the feature store {path} cannot be opened: {error}") from error

    def get_many(self, user_ids: Sequence[str]) -> list[UserRecord | None]:
        found: dict[str, UserRecord] = {}
        wanted = list(dict.fromkeys(user_ids))
        try:
            for start in range(0, len(wanted), _VARIABLES):
                chunk = wanted[start : start + _VARIABLES]
                marks = ",".join("?" * len(chunk))
                rows = self._connection.execute(
                    f"SELECT user_id, features, interactions FROM users WHERE user_id IN ({marks})",
                    chunk,
                )
                for user_id, features, interactions in rows:
                    found[user_id] = UserRecord(json.loads(features), json.loads(interactions))
        except (sqlite3.Error, ValueError) as error:
            raise StoreError(f"the feature store {self.path} cannot be read: {error}") from error
        return [found.get(user_id) for user_id in user_ids]

    def put_many(self, records: Iterable[tuple[str, UserRecord]]) -> None:
        self._write(records)

    def replace_all(self, records: Iterable[tuple[str, UserRecord]], source: str) -> None:
        """Exchange the whole content in one transaction: readers see the old or the new.

        ``source`` is remembered as the content's origin (see ``source()``).
        """
        self._write(
            records,
            ("DELETE FROM users", ()),
            ("INSERT OR REPLACE INTO facts VALUES ('source', ?)", (source,)),
        )

    def source(self) -> str | None:
        """What ``replace_all`` was last told."""
        row = self._connection.execute("SELECT value FROM facts WHERE name = 'source'").fetchone()
        return row[0] if row else None

    def close(self) -> None:
        self._connection.close()

    def _write(
        self, records: Iterable[tuple[str, UserRecord]], *before: tuple[str, tuple[str, ...]]
    ) -> None:
        try:
            with self._connection:
                for statement, values in before:
                    self._connection.execute(statement, values)
                self._connection.executemany(
                    "INSERT OR REPLACE INTO users VALUES (?, ?, ?)",
                    (
                        (user_id, _json(dict(record.features)), _json(list(record.interactions)))
                        for user_id, record in records
                    ),
                )
        except sqlite3.Error as error:
            raise StoreError(f"the feature store {self.path} cannot be written: {error}") from error


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
