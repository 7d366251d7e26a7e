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
    redis.ask("HSET", "shortlist:shop:loaded:first", "anna", "{")
    redis.ask("SET", "shortlist:shop:events:ben", "text")
    for user in ("anna", "ben"):
        with pytest.raises(StoreError, match=r"expected to read the feature store redis://"):
            store.get_many([user], "first")
    assert store.get_many(["carl"], "first") == [None]


def test_recipes_share_a_redis(redis: RedisServer) -> None:
    """Each has its own users, events, switched-off items and source, even with the same ids."""
    shop, film = _store(redis.url), _store(redis.url, "film")
    shop.load("first", [("anna", ANNA)])
    film.record([Event.of("ben", "c", time=1.0)])
    film.switch(["c"], on=False)
    film.set_features([("carl", {"age": 1})])
    shop.clear_features()
    shop.drop(["first again"])
    users = ["anna", "ben", "carl"]
    ben = UserRecord({}, ["c"], recorded=1, kinds=("interaction",))
    assert shop.get_many(users, "first") == [ANNA, None, None]
    assert film.get_many(users, "first") == [None, ben, UserRecord({"age": 1}, [])]
    assert (shop.switched_off(), film.versions()) == (frozenset(), frozenset())


def test_releases_of_the_first_version_go_on(redis: RedisServer) -> None:
    """Older code is served from the same Redis: a new version of the records does not change what it reads,
    and live features do. What it reads is removed like any version."""
    redis.ask("HSET", "shortlist:shop:users", "anna", '[{"age":30},["b","a"]]')
    store = _store(redis.url)
    store.load("first", [("anna", UserRecord({"age": 29}, ["c"]))])
    assert store.versions() == {"", "first"}
    assert store.get_many(["anna"]) == [ANNA]
    store.set_features([("anna", {"age": 31}), ("new", {"age": 5})])
    assert redis.ask("HGET", "shortlist:shop:users", "anna") == '[{"age":31},["b","a"]]'
    assert redis.ask("HGET", "shortlist:shop:users", "new") == '[{"age":5},[]]'
    assert store.get_many(["anna"], "first") == [UserRecord({"age": 31}, ["c"])]
    store.drop([""])
    assert (store.versions(), store.get_many(["anna"])) == ({"first"}, [None])


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
