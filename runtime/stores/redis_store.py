"""The feature store for several servers: a Redis that all of them reach.

Keys, after a prefix per recipe: ``users`` (hash: user id -> JSON of features and interactions),
``events:USER`` (set sorted by time: JSON of event id, item id and event),
``switched_off`` (set of item ids), ``source``.
"""

import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Any, TypeVar

from redis import ConnectionPool, Redis, RedisError
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import TimeoutError as NoAnswerError
from redis.retry import Retry

from ..errors import StoreError
from .feature_store import PATIENCE_SECONDS, Event, UserRecord
from .urls import without_secrets

T = TypeVar("T")
#: Records or events that are sent at once; Redis serves other clients in between.
_CHUNK = 1000
#: The half-written records of a killed command expire after a day.
_LEFT_FOR_SECONDS = 86_400


class RedisFeatureStore:
    """A ``FeatureStore`` in Redis; it connects when first needed, and again after a failure.

    Args:
        url: redis://, rediss:// or unix://.
        recipe: part of the keys, because recipes may share a server.
        read_only: refuse to write, as the server does.
        deadline_s: seconds that connecting, and each reply, may take; a call to a connected server waits
            for one reply. None: a minute.
        kept: how many events to keep per user.

    Raises:
        StoreError: ``url`` is not the URL of a Redis.
    """

    def __init__(
        self,
        url: str,
        recipe: str,
        read_only: bool = False,
        *,
        deadline_s: float | None = None,
        kept: int = 1000,
    ) -> None:
        self._shown = without_secrets(url)
        self._prefix = f"shortlist:{recipe}:"
        self._read_only, self._kept = read_only, kept
        self._seconds = PATIENCE_SECONDS if deadline_s is None else deadline_s
        try:
            options = dict(parse_url(url))
        except ValueError as error:
            raise StoreError(
                f"expected the URL of a Redis (redis://, rediss:// or unix://), got {self._shown}: {error}"
            ) from error
        if "path" not in options:
            options["socket_connect_timeout"] = self._seconds
        # No handshake and no retry: each would wait as long again.
        pool = ConnectionPool(
            **options
            | {
                "socket_timeout": self._seconds,
                "retry": Retry(NoBackoff(), 0),
                "protocol": 2,
                "decode_responses": True,
                "driver_info": None,
            }
        )
        self._redis = Redis(connection_pool=pool)

    def get_many(self, user_ids: Sequence[str]) -> list[UserRecord | None]:
        wanted = list(dict.fromkeys(user_ids))
        if not wanted:
            return []
        with self._asked("read"):
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.hmget(self._key("users"), wanted)
            for user_id in wanted:
                pipeline.zrange(self._events_key(user_id), -self._kept, -1)
            users, *events = pipeline.execute()
            found = {
                user_id: _record(text, members)
                for user_id, text, members in zip(wanted, users, events, strict=True)
            }
        return [found[user_id] for user_id in user_ids]

    def put_many(self, records: Iterable[tuple[str, UserRecord]]) -> None:
        with self._asked("write to"):
            pipeline = self._redis.pipeline(transaction=True)
            for chunk in _chunks(records):
                pipeline.hset(self._key("users"), mapping=_texts(chunk))
            pipeline.execute()

    def record(self, events: Iterable[Event]) -> int:
        new = 0
        with self._asked("write to"):
            for chunk in _chunks(events):
                by_user: dict[str, dict[str, float]] = {}
                for each in chunk:
                    member = _json([each.event_id, each.item_id, each.event])
                    by_user.setdefault(each.user_id, {}).setdefault(member, each.time)
                pipeline = self._redis.pipeline(transaction=False)
                for user_id, members in by_user.items():
                    key = self._events_key(user_id)
                    pipeline.zadd(key, members, nx=True)
                    pipeline.zremrangebyrank(key, 0, -self._kept - 1)
                new += sum(pipeline.execute()[::2])
        return new

    def switched_off(self) -> frozenset[str]:
        with self._asked("read"):
            return frozenset(map(str, self._redis.smembers(self._key("switched_off"))))

    def switch(self, item_ids: Iterable[str], on: bool) -> None:
        with self._asked("write to"):
            for chunk in _chunks(item_ids):
                change = self._redis.srem if on else self._redis.sadd
                change(self._key("switched_off"), *chunk)

    def replace_all(self, records: Iterable[tuple[str, UserRecord]], origin: str) -> None:
        users, new = self._key("users"), self._key(f"users:{uuid.uuid4().hex}")
        with self._asked("write to"):
            written = False
            try:
                for chunk in _chunks(records):
                    self._redis.hset(new, mapping=_texts(chunk))
                    self._redis.expire(new, _LEFT_FOR_SECONDS)
                    written = True
                pipeline = self._redis.pipeline(transaction=True)
                pipeline.unlink(users)
                if written:
                    pipeline.persist(new)
                    pipeline.rename(new, users)
                pipeline.set(self._key("source"), origin)
                pipeline.execute()
            except BaseException:
                with suppress(RedisError):
                    self._redis.unlink(new)
                raise

    def origin(self) -> str | None:
        with self._asked("read"):
            origin = self._redis.get(self._key("source"))
            return None if origin is None else str(origin)

    def close(self) -> None:
        self._redis.connection_pool.disconnect()

    def _key(self, name: str) -> str:
        return self._prefix + name

    def _events_key(self, user_id: str) -> str:
        return f"{self._prefix}events:{user_id}"

    @contextmanager
    def _asked(self, doing: str) -> Iterator[None]:
        if doing == "write to" and self._read_only:
            raise StoreError(
                f"expected a writable feature store, got {self._shown} opened read-only"
            )
        try:
            yield
        except NoAnswerError as error:
            raise StoreError(
                f"expected to {doing} the feature store {self._shown}, got no reply within "
                f"{1000 * self._seconds:.0f} ms"
            ) from error
        except (RedisError, json.JSONDecodeError, UnicodeError) as error:
            raise StoreError(
                f"expected to {doing} the feature store {self._shown}, got: {error}"
            ) from error


def _chunks(each: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(each)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def _texts(records: Iterable[tuple[str, UserRecord]]) -> dict[Any, str]:
    """The value of each user's field."""
    return {user_id: _json([dict(record.features), record.stored]) for user_id, record in records}


def _record(text: str | None, members: Sequence[str]) -> UserRecord | None:
    if text is None and not members:
        return None
    features, interactions = ({}, []) if text is None else json.loads(text)
    # Parsing them joined is faster than one by one.
    recorded = [(item_id, event) for _, item_id, event in json.loads(f"[{','.join(members)}]")]
    return UserRecord.of(features, interactions, recorded)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
