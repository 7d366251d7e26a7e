"""The feature store in Redis: what differs from SQLite."""

from collections.abc import Iterator

import pytest

from runtime.errors import StoreError
from runtime.stores.feature_store import Event, FeatureStore, UserRecord
from runtime.stores.open_store import open_store
from runtime.stores.urls import without_secrets
from tests.redis_server import RedisServer, running_redis

ANNA = UserRecord({"age": 30}, ["b", "a"])


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


def _store(where: str, recipe: str = "shop") -> FeatureStore:
    return open_store(where, recipe=recipe, deadline_s=None, read_only=False, kept=10)


def test_damaged_or_foreign_values_in_redis_are_an_error(redis: RedisServer) -> None:
    """A damaged record or a key of another kind is an error that names the store, not an answer."""
    store = _store(redis.url)
    redis.ask("HSET", "shortlist:shop:users", "anna", "{")
    redis.ask("SET", "shortlist:shop:events:ben", "text")
    for user in ("anna", "ben"):
        with pytest.raises(StoreError, match=r"expected to read the feature store redis://"):
            store.get_many([user])
    assert store.get_many(["carl"]) == [None]


def test_recipes_share_a_redis(redis: RedisServer) -> None:
    """Each has its own users, events, switched-off items and source, even with the same ids."""
    shop, film = _store(redis.url), _store(redis.url, "film")
    shop.replace_all([("anna", ANNA)], "shop")
    film.record([Event.of("ben", "c", time=1.0)])
    film.switch(["c"], on=False)
    assert shop.get_many(["anna", "ben"]) == [ANNA, None]
    of_ben = UserRecord({}, ["c"], recorded=1, kinds=("interaction",))
    assert film.get_many(["anna", "ben"]) == [None, of_ben]
    assert (shop.switched_off(), film.origin()) == (frozenset(), None)


@pytest.mark.parametrize(
    "where", ["http://localhost", "redis://localhost:port", "redis://h:1?db=x"]
)
def test_a_url_of_something_else_is_refused_at_once(where: str) -> None:
    """Such a URL cannot become valid later."""
    with pytest.raises(StoreError, match="expected the URL of a Redis"):
        _store(where)


@pytest.mark.parametrize(
    ("where", "shown"),
    [
        ("/data/store.sqlite", "/data/store.sqlite"),
        ("redis://:s@host:6379/0", "redis://host:6379/0"),
        ("rediss://user:s%40@host/1?db=3&password=s", "rediss://host/1?db=3"),
        ("unix://user@/run/redis.sock?password=s&db=1", "unix:///run/redis.sock?db=1"),
    ],
)
def test_a_place_is_shown_without_its_secrets(where: str, shown: str) -> None:
    """User and password are removed wherever a URL can hold them."""
    assert without_secrets(where) == shown
