"""The feature store for several servers: a Redis that all of them reach.

Keys, after a prefix per recipe: ``versions`` (set of names), ``loaded:VERSION`` (hash: user id -> JSON of
features, interactions, number of earlier ones, seen rows in base 64 and, if they are others, had rows),
``live:USER`` (hash: name -> JSON of a feature that was set since), ``events:USER`` (set sorted by time: JSON
of event id, item id and event), ``switched_off`` (set of item ids), and ``users`` (hash: the records that
releases from before versions read).
"""

import json
import re
import uuid
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from operator import itemgetter
from typing import Any, TypeVar

from redis import ConnectionPool, Redis, RedisError
from redis.backoff import NoBackoff
from redis.connection import parse_url
from redis.exceptions import TimeoutError as NoAnswerError
from redis.retry import Retry

from ..errors import StoreError
from .feature_store import BEFORE_VERSIONS, PATIENCE_SECONDS, Event, UserRecord
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

    def get_many(
        self, user_ids: Sequence[str], version: str = BEFORE_VERSIONS
    ) -> list[UserRecord | None]:
        wanted = list(dict.fromkeys(user_ids))
        if not wanted:
            return []
        with self._asked("read"):
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.hmget(self._records_key(version), wanted)
            for user_id in wanted:
                pipeline.zrange(self._key(f"events:{user_id}"), -self._kept, -1)
            if version != BEFORE_VERSIONS:
                for user_id in wanted:
                    pipeline.hgetall(self._key(f"live:{user_id}"))
            users, *of_users = pipeline.execute()
            events, live = of_users[: len(wanted)], of_users[len(wanted) :] or [{}] * len(wanted)
            found = {
                user_id: _record(*values)
                for user_id, *values in zip(wanted, users, events, live, strict=True)
            }
        return [found[user_id] for user_id in user_ids]

    def load(self, version: str, records: Iterable[tuple[str, UserRecord]]) -> None:
        new = self._key(f"loading:{uuid.uuid4().hex}")
        with self._asked("write to"):
            written = False
            try:
                for chunk in _chunks(records):
                    self._redis.hset(new, mapping=_texts(chunk))
                    self._redis.expire(new, _LEFT_FOR_SECONDS)
                    written = True
                pipeline = self._redis.pipeline(transaction=True)
                pipeline.unlink(self._records_key(version))
                if written:
                    pipeline.persist(new)
                    pipeline.rename(new, self._records_key(version))
                pipeline.sadd(self._key("versions"), version)
                pipeline.execute()
            except BaseException:
                with suppress(RedisError):
                    self._redis.unlink(new)
                raise

    def versions(self) -> frozenset[str]:
        with self._asked("read"):
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.smembers(self._key("versions"))
            pipeline.exists(self._records_key(BEFORE_VERSIONS))
            names, before = pipeline.execute()
        return frozenset(names | {BEFORE_VERSIONS} if before else names)

    def drop(self, versions: Iterable[str]) -> None:
        with self._asked("write to"):
            pipeline = self._redis.pipeline(transaction=True)
            for version in versions:
                pipeline.unlink(self._records_key(version))
                pipeline.srem(self._key("versions"), version)
            pipeline.execute()

    def set_features(self, users: Iterable[tuple[str, Mapping[str, Any]]]) -> None:
        with self._asked("write to"):
            before = self._records_key(BEFORE_VERSIONS)
            has_before = self._redis.exists(before)
            pipeline = self._redis.pipeline(transaction=True)
            for chunk in _chunks(users):
                changed: dict[str, dict[str, Any]] = {}
                for user_id, features in filter(itemgetter(1), chunk):
                    changed.setdefault(user_id, {}).update(features)
                for user_id, features in changed.items():
                    texts: dict[Any, str] = {n: _json(value) for n, value in features.items()}
                    pipeline.hset(self._key(f"live:{user_id}"), mapping=texts)
                if has_before and changed:
                    pipeline.hset(before, mapping=self._with_features(before, changed))
            pipeline.execute()

    def clear_features(self, user_ids: Iterable[str] | None = None) -> None:
        with self._asked("write to"):
            if user_ids is None:
                pattern = re.sub(r"([*?\[\]\\])", r"\\\1", self._key("live:")) + "*"
                keys = self._redis.scan_iter(pattern, count=_CHUNK)
            else:
                keys = (self._key(f"live:{user_id}") for user_id in user_ids)
            for chunk in _chunks(keys):
                self._redis.unlink(*chunk)

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
                    key = self._key(f"events:{user_id}")
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

    def close(self) -> None:
        self._redis.connection_pool.disconnect()

    def _key(self, name: str) -> str:
        return self._prefix + name

    def _records_key(self, version: str) -> str:
        return self._key("users" if version == BEFORE_VERSIONS else f"loaded:{version}")

    def _with_features(self, key: str, changed: Mapping[str, Mapping[str, Any]]) -> dict[Any, str]:
        """The records at ``key`` of some users, with changed features."""
        texts = self._redis.hmget(key, list(changed))
        made: dict[Any, str] = {}
        for (user_id, features), text in zip(changed.items(), texts, strict=True):
            known, interactions = ({}, []) if text is None else json.loads(text)
            made[user_id] = _json([known | features, interactions])
        return made

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
        except (RedisError, ValueError) as error:  # of Redis; or its content is damaged
            raise StoreError(
                f"expected to {doing} the feature store {self._shown}, got: {error}"
            ) from error


def _chunks(each: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(each)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def _texts(records: Iterable[tuple[str, UserRecord]]) -> dict[Any, str]:
    """The value of each user's field."""
    return {user_id: _json(_values(record)) for user_id, record in records}


def _values(record: UserRecord) -> list[Any]:
    seen = b64encode(record.seen).decode()
    values = [dict(record.features), list(record.loaded), record.earlier, seen]
    return values if record.had is None else [*values, b64encode(record.had).decode()]


def _record(text: str | None, members: Sequence[str], live: Mapping[str, str]) -> UserRecord | None:
    if text is None and not members and not live:
        return None
    loaded: list[Any] = [{}, []] if text is None else json.loads(text)
    # Records from before versions end after the interactions, and others mostly after the seen rows.
    missing: list[Any] = [0, "", None][len(loaded) - 2 :]
    features, interactions, earlier, seen, had = (*loaded, *missing)
    features |= {name: json.loads(value) for name, value in live.items()}
    # Parsing them joined is faster than one by one.
    recorded = [(item_id, event) for _, item_id, event in json.loads(f"[{','.join(members)}]")]
    return UserRecord(
        features,
        interactions + [item_id for item_id, _ in recorded],
        len(recorded),
        earlier,
        b64decode(seen),
        tuple(event for _, event in recorded),
        None if had is None else b64decode(had),
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
