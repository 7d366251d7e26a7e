"""Behaviour of both feature stores: SQLite and a real Redis."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runtime.candidates.seen import packed
from runtime.errors import StoreError
from runtime.stores.feature_store import Event, FeatureStore, UserRecord
from runtime.stores.open_store import open_store
from tests.redis_server import RedisServer, running_redis

ANNA = UserRecord({"age": 30, "tastes": ["jazz", None]}, ["b", "a"], 0, 7, b"\0\xff\x80\n")
BEN = UserRecord({"age": None}, [])
#: The version of the records in most tests.
V = "first"

Opener = Callable[..., FeatureStore]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture(params=["sqlite", "redis"])
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens connections to the same store, which is empty at first."""
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis")
        server.ask("FLUSHALL")
        where = server.url
    else:
        where = str(tmp_path / "store.sqlite")
    opened = []

    def opener(**options: Any) -> FeatureStore:
        settings = {"recipe": "shop", "deadline_s": None, "read_only": False, "kept": 1000}
        opened.append(open_store(where, **settings | options))
        return opened[-1]

    yield opener
    for store in opened:
        store.close()


@pytest.fixture
def store(opener: Opener) -> FeatureStore:
    return opener()


def _event(user: str, item: str, time: float, event_id: str | None = None) -> Event:
    return Event.of(user, item, event_id=event_id, time=time)


def _items(store: FeatureStore, user: str) -> list[str]:
    (record,) = store.get_many([user], V)
    return [] if record is None else list(record.interactions)


def test_records_come_back_in_the_order_asked(store: FeatureStore) -> None:
    """Values and order are kept; an id given twice is answered twice, an unknown one is None."""
    store.load(V, [("anna", ANNA), ("ben", BEN)])
    assert store.get_many(["ben", "nobody", "anna", "ben"], V) == [BEN, None, ANNA, BEN]
    assert store.get_many([], V) == []


def test_thousands_of_users_in_one_call(store: FeatureStore) -> None:
    """More ids than fit in one statement or message are read and written in parts."""
    users = [str(user) for user in range(3000)]
    store.load(V, ((user, UserRecord({"n": int(user)}, [])) for user in users))
    assert store.record(_event(user, "a", 1.0) for user in users) == 3000
    found = store.get_many(users, V)
    assert [record.features["n"] for record in found if record] == list(range(3000))
    assert [record.interactions for record in found if record] == [["a"]] * 3000


def test_odd_ids_are_ids(store: FeatureStore) -> None:
    """Quotes, the empty string, a null character and a megabyte are ids like any other."""
    odd = ["'; DROP TABLE users; --", "", "a\x00b", "x" * 1_000_000, "日本", "a:b*"]
    store.load(V, ((user_id, BEN) for user_id in odd))
    assert store.get_many([*odd, "a"], V) == [BEN] * 6 + [None]
    assert store.record(_event(each, each, 1.0, each) for each in odd) == 6
    assert [_items(store, each) for each in odd] == [[each] for each in odd]


def test_an_id_that_utf8_cannot_hold_is_a_store_error(store: FeatureStore) -> None:
    """For half a surrogate pair, which JSON can hold and UTF-8 cannot, the error names the store."""
    with pytest.raises(StoreError, match="expected to write to the feature store"):
        store.record([_event("\ud800", "a", 1.0)])
    with pytest.raises(StoreError, match="expected to read the feature store"):
        store.get_many(["\ud800"], V)


def test_events_stand_after_what_was_loaded_by_time(store: FeatureStore) -> None:
    """In any order of recording; at the same time, by id."""
    store.load(V, [("anna", ANNA)])
    store.record([_event("anna", "late", 30.0), _event("anna", "z", 20.0, "2")])
    store.record([_event("anna", "early", 10.5), _event("anna", "y", 20.0, "1")])
    four = ("interaction",) * 4
    assert store.get_many(["anna"], V) == [
        replace(ANNA, interactions=["b", "a", "early", "y", "z", "late"], recorded=4, kinds=four)
    ]


def test_an_event_counts_once(store: FeatureStore) -> None:
    """Sent again in the same call or another: identified by its id, or by its content with its time."""
    named = Event("e1", "anna", "a", "bought", 5.0)
    assert store.record([named, named, _event("anna", "b", 6.0)]) == 2
    assert store.record([named, _event("anna", "b", 6.0), _event("anna", "b", 7.0)]) == 1
    # The same id at another time: sent again later, it is still the same event.
    assert store.record([Event("e1", "anna", "a", "bought", 99.0)]) == 0
    assert _items(store, "anna") == ["a", "b", "b"]
    assert store.record([Event("e1", "ben", "a", "bought", 5.0)]) == 1, "an id is its user's"


def test_events_without_id_and_time_are_new_each_time(store: FeatureStore) -> None:
    """Without either, each call records another event, at the current time."""
    assert store.record([Event.of("anna", "a"), Event.of("anna", "a")]) == 2
    assert _items(store, "anna") == ["a", "a"]


def test_no_two_events_get_the_same_made_up_id() -> None:
    """A different user, item, event or time gives another id, even if the joined text is the same."""
    events = [
        Event.of("ab", "c", time=1),
        Event.of("a", "bc", time=1),
        Event.of("a", "b", "c", time=1),
        Event.of("a", "bc", time=2),
    ]
    assert len({event.event_id for event in events}) == 4
    assert Event.of("a", "bc", time=1).event_id == Event.of("a", "bc", time=1.0).event_id


def test_a_user_whom_only_events_know_is_known(store: FeatureStore) -> None:
    """The user has no features, and the interactions are the events."""
    store.record([_event("new", "a", 1.0)])
    of_new = UserRecord({}, ["a"], recorded=1, kinds=("interaction",))
    assert store.get_many(["new", "newer"], V) == [of_new, None]


def test_the_newest_events_are_kept(opener: Opener) -> None:
    """Beyond the bound the oldest are removed, in one call or over time; other users keep theirs."""
    store = opener(kept=4)
    store.load(V, [("anna", ANNA)])
    store.record([_event("ben", "only", 0.0)])
    store.record(_event("anna", str(number), float(number)) for number in (3, 9, 1, 7, 5, 8, 2))
    assert _items(store, "anna") == ["b", "a", "5", "7", "8", "9"]
    for number in range(10, 20):
        store.record([_event("anna", str(number), float(number))])
        expected = ["b", "a", *(str(each) for each in (5, 7, *range(8, number + 1))[-4:])]
        assert _items(store, "anna") == expected
    store.record([_event("anna", "long ago", 0.5)])
    assert _items(store, "anna")[2:] == ["16", "17", "18", "19"]
    assert _items(store, "ben") == ["only"]
    unbounded = opener(kept=1000)
    assert len(_items(unbounded, "anna")) < 2 + 2 * 4, "they are removed, not only hidden"


def test_a_write_is_seen_by_another_connection_at_once(opener: Opener) -> None:
    """After one connection records, puts or switches, the next call of any other sees it."""
    writer, reader = opener(), opener(read_only=True, deadline_s=5.0)
    writer.load(V, [("ben", BEN)])
    assert reader.get_many(["anna"], V) == [None]
    writer.record([_event("anna", "a", 1.0)])
    assert _items(reader, "anna") == ["a"]
    writer.load(V, [("anna", ANNA)])
    assert _items(reader, "anna") == ["b", "a", "a"]
    writer.switch(["x"], on=False)
    assert reader.switched_off() == {"x"}


def test_a_reader_cannot_write(opener: Opener) -> None:
    """A store opened read-only refuses every change."""
    opener().load(V, [("anna", ANNA)])
    reader = opener(read_only=True)
    writes: list[Callable[[], object]] = [
        lambda: reader.load(V, [("ben", BEN)]),
        lambda: reader.record([_event("ben", "a", 1.0)]),
        lambda: reader.switch(["a"], on=False),
        lambda: reader.drop([V]),
        lambda: reader.set_features([("anna", {"age": 1})]),
        lambda: reader.clear_features(),
    ]
    for write in writes:
        with pytest.raises(StoreError, match=r"readonly|opened read-only"):
            write()
    assert reader.get_many(["anna", "ben"], V) == [ANNA, None]
    assert reader.switched_off() == frozenset()


def test_items_are_switched_off_and_on(store: FeatureStore) -> None:
    """Switching off twice or switching on twice makes no difference."""
    assert store.switched_off() == frozenset()
    store.switch(["1", "2"], on=False)
    store.switch(["2", "日本"], on=False)
    assert store.switched_off() == {"1", "2", "日本"}
    store.switch(["1", "never off"], on=True)
    store.switch([], on=True)
    assert store.switched_off() == {"2", "日本"}


def test_versions_stand_beside_each_other(store: FeatureStore) -> None:
    """Each has its own records; events and switched-off items count for all, and stay when one is dropped."""
    assert store.versions() == frozenset()
    store.load("first", [("anna", ANNA), ("carl", BEN)])
    store.record([_event("anna", "new", 1.0)])
    store.switch(["a"], on=False)
    store.load("second", [("ben", BEN)])
    store.load("empty", [])
    assert store.versions() == {"first", "second", "empty"}
    one = ("interaction",)
    anna = replace(ANNA, interactions=["b", "a", "new"], recorded=1, kinds=one)
    users, only_new = ["anna", "ben", "carl"], UserRecord({}, ["new"], 1, kinds=one)
    assert store.get_many(users, "first") == [anna, None, BEN]
    assert store.get_many(users, "second") == [only_new, BEN, None]
    assert store.get_many(users, "empty") == [only_new, None, None]
    assert store.get_many(users, "never loaded") == [only_new, None, None]
    store.drop(["first", "never loaded"])
    assert store.versions() == {"second", "empty"}
    assert store.get_many(users, "first") == [only_new, None, None]
    assert store.get_many(users, "second") == [only_new, BEN, None]
    assert store.switched_off() == {"a"}


def test_a_failed_load_changes_nothing(store: FeatureStore) -> None:
    """An error midway leaves the version as it was, or not loaded at all."""
    store.load("first", [("anna", ANNA)])

    def broken() -> Iterator[tuple[str, UserRecord]]:
        yield from ((f"user {number}", BEN) for number in range(2500))
        raise ZeroDivisionError

    for version in ("first", "second"):
        with pytest.raises(ZeroDivisionError):
            store.load(version, broken())
    assert store.get_many(["anna", "user 0"], "first") == [ANNA, None]
    assert store.get_many(["anna", "user 0"], "second") == [None, None]
    assert store.versions() == {"first"}


def test_readers_see_all_of_a_version_or_nothing(opener: Opener) -> None:
    """While versions are loaded, again and again, an answer never has records of two of them."""
    users = [str(user) for user in range(300)]
    writer, reader = opener(), opener(read_only=True)
    writer.load(V, ((user, UserRecord({"n": 0}, [])) for user in users))
    failed: list[Exception] = []

    def exchange() -> None:
        try:
            for n in range(1, 8):
                for version in (V, str(n)):
                    writer.load(version, ((user, UserRecord({"n": n}, [])) for user in users))
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=exchange)
    thread.start()
    seen: list[int] = []
    while thread.is_alive() or not seen:
        records = [record for record in reader.get_many(users, V) if record]
        generations = {record.features["n"] for record in records}
        assert (len(records), len(generations)) == (300, 1)
        seen += generations
        assert len([record for record in reader.get_many(users, "7") if record]) in (0, 300)
    thread.join()
    assert not failed
    assert seen == sorted(seen)


def test_live_features_override_those_of_every_version(store: FeatureStore) -> None:
    """They are set by name, count at once, survive a load, and are removed on request."""
    store.load("first", [("anna", ANNA), ("ben", BEN)])
    store.set_features([("anna", {"age": 31}), ("new", {"age": 5}), ("nobody", {})])
    store.set_features([("anna", {"age": None, "city": "Ulm"}), ("anna", {"city": ["Bern", 1.5]})])
    store.load("second", [("anna", UserRecord({"age": 29}, ["c"]))])
    live = {"age": None, "city": ["Bern", 1.5]}
    users = ["anna", "ben", "new", "nobody"]
    anna, ben, new = (
        replace(ANNA, features={**ANNA.features, **live}),
        BEN,
        UserRecord({"age": 5}, []),
    )
    assert store.get_many(users, "first") == [anna, ben, new, None]
    assert store.get_many(["anna", "new"], "second") == [UserRecord(live, ["c"]), new]
    store.clear_features(["anna", "never set"])
    assert store.get_many(["anna", "new"], "first") == [ANNA, new]
    store.clear_features()
    assert store.get_many(users, "first") == [ANNA, BEN, None, None]


def test_live_features_of_thousands_of_users(store: FeatureStore) -> None:
    """More users than fit in one message, and then all of them cleared."""
    users = [str(user) for user in range(2500)]
    store.set_features((user, {"n": int(user)}) for user in users)
    found = store.get_many(users, V)
    assert [record.features["n"] for record in found if record] == list(range(2500))
    store.clear_features()
    assert store.get_many(users, V) == [None] * 2500


def test_what_counts_as_seen_may_differ_from_the_history(store: FeatureStore) -> None:
    """Loaded records keep both; recorded events are told apart by their kind."""
    loaded = UserRecord({}, ["a", "b"], seen=packed([0, 1]), had=packed([1, 2]))
    store.load(V, [("anna", loaded)])
    store.record([Event.of("anna", "d", "view", time=1.0), Event.of("anna", "e", "cart", time=2.0)])
    (record,) = store.get_many(["anna"], V)
    assert record is not None
    assert list(record.loaded) == ["a", "b"]
    assert (record.seen, record.had) == (loaded.seen, loaded.had)
    assert list(record.of_events(None)) == ["d", "e"]
    assert list(record.of_events({"cart"})) == ["e"]
    assert list(record.of_events(())) == []
    store.load(V, [("anna", record)])
    assert store.get_many(["anna"], V) == [record]


def test_what_was_got_can_be_loaded_again(store: FeatureStore) -> None:
    """Recorded interactions do not become loaded ones in the process."""
    store.load(V, [("anna", ANNA)])
    store.record([_event("anna", "new", 1.0)])
    (record,) = store.get_many(["anna"], V)
    assert record is not None
    store.load(V, [("anna", record)])
    assert store.get_many(["anna"], V) == [record]
    assert list(record.loaded) == ["b", "a"]


def test_threads_may_share_a_store(store: FeatureStore) -> None:
    """Events of several threads are all recorded."""
    new: list[int] = []

    def record(user: str) -> None:
        new.extend(store.record([_event(user, str(n), float(n))]) for n in range(50))

    threads = [threading.Thread(target=record, args=(user,)) for user in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert new == [1] * 200
    assert [len(_items(store, user)) for user in "abcd"] == [50] * 4


def test_a_closed_store_opens_again(store: FeatureStore) -> None:
    """Closing only closes the connection."""
    store.load(V, [("anna", ANNA)])
    store.close()
    store.close()
    assert store.get_many(["anna"], V) == [ANNA]
