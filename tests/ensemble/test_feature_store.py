"""Behaviour of both feature stores: SQLite and a real Redis."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runtime.errors import StoreError
from runtime.stores.feature_store import Event, FeatureStore, UserRecord
from runtime.stores.open_store import open_store
from tests.redis_server import RedisServer, running_redis

ANNA = UserRecord({"age": 30, "tastes": ["jazz", None]}, ["b", "a"])
BEN = UserRecord({"age": None}, [])

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
    (record,) = store.get_many([user])
    return [] if record is None else list(record.interactions)


def test_records_come_back_in_the_order_asked(store: FeatureStore) -> None:
    """Values and order are kept; an id given twice is answered twice, an unknown one is None."""
    store.put_many([("anna", ANNA), ("ben", BEN)])
    assert store.get_many(["ben", "nobody", "anna", "ben"]) == [BEN, None, ANNA, BEN]
    assert store.get_many([]) == []


def test_thousands_of_users_in_one_call(store: FeatureStore) -> None:
    """More ids than fit in one statement or message are read and written in parts."""
    users = [str(user) for user in range(3000)]
    store.put_many((user, UserRecord({"n": int(user)}, [])) for user in users)
    assert store.record(_event(user, "a", 1.0) for user in users) == 3000
    found = store.get_many(users)
    assert [record.features["n"] for record in found if record] == list(range(3000))
    assert [record.interactions for record in found if record] == [["a"]] * 3000


def test_odd_ids_are_ids(store: FeatureStore) -> None:
    """Quotes, the empty string, a null character and a megabyte are ids like any other."""
    odd = ["'; DROP TABLE users; --", "", "a\x00b", "x" * 1_000_000, "日本", "a:b*"]
    store.put_many((user_id, BEN) for user_id in odd)
    assert store.get_many([*odd, "a"]) == [BEN] * 6 + [None]
    assert store.record(_event(each, each, 1.0, each) for each in odd) == 6
    assert [_items(store, each) for each in odd] == [[each] for each in odd]


def test_an_id_that_utf8_cannot_hold_is_a_store_error(store: FeatureStore) -> None:
    """For half a surrogate pair, which JSON can hold and UTF-8 cannot, the error names the store."""
    with pytest.raises(StoreError, match="expected to write to the feature store"):
        store.record([_event("\ud800", "a", 1.0)])
    with pytest.raises(StoreError, match="expected to read the feature store"):
        store.get_many(["\ud800"])


def test_events_stand_after_what_was_loaded_by_time(store: FeatureStore) -> None:
    """In any order of recording; at the same time, by id."""
    store.put_many([("anna", ANNA)])
    store.record([_event("anna", "late", 30.0), _event("anna", "z", 20.0, "2")])
    store.record([_event("anna", "early", 10.5), _event("anna", "y", 20.0, "1")])
    assert store.get_many(["anna"]) == [
        UserRecord(
            ANNA.features, ["b", "a", "early", "y", "z", "late"], 4, kinds=("interaction",) * 4
        )
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
    assert store.get_many(["new", "newer"]) == [of_new, None]


def test_the_newest_events_are_kept(opener: Opener) -> None:
    """Beyond the bound the oldest are removed, in one call or over time; other users keep theirs."""
    store = opener(kept=4)
    store.put_many([("anna", ANNA)])
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
    writer.put_many([("ben", BEN)])
    assert reader.get_many(["anna"]) == [None]
    writer.record([_event("anna", "a", 1.0)])
    assert _items(reader, "anna") == ["a"]
    writer.put_many([("anna", ANNA)])
    assert _items(reader, "anna") == ["b", "a", "a"]
    writer.switch(["x"], on=False)
    assert reader.switched_off() == {"x"}


def test_a_reader_cannot_write(opener: Opener) -> None:
    """A store opened read-only refuses every change."""
    opener().put_many([("anna", ANNA)])
    reader = opener(read_only=True)
    writes: list[Callable[[], object]] = [
        lambda: reader.put_many([("ben", BEN)]),
        lambda: reader.record([_event("ben", "a", 1.0)]),
        lambda: reader.switch(["a"], on=False),
        lambda: reader.replace_all([], "another"),
    ]
    for write in writes:
        with pytest.raises(StoreError, match=r"readonly|opened read-only"):
            write()
    assert reader.get_many(["anna", "ben"]) == [ANNA, None]
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


def test_an_exchange_keeps_events_and_what_is_off(store: FeatureStore) -> None:
    """`replace_all` removes users that are not among the new ones; recorded events stay."""
    store.replace_all([("anna", ANNA), ("carl", BEN)], "first")
    store.record([_event("anna", "new", 1.0)])
    store.switch(["a"], on=False)
    store.replace_all([("ben", BEN)], "second")
    of_anna = UserRecord({}, ["new"], 1, ("interaction",))
    assert store.get_many(["anna", "ben", "carl"]) == [of_anna, BEN, None]
    assert store.switched_off() == {"a"}
    assert store.origin() == "second"
    store.replace_all([], "third")
    assert store.get_many(["ben"]) == [None]
    assert store.origin() == "third"


def test_a_failed_exchange_keeps_the_old_content(store: FeatureStore) -> None:
    """An error midway through `replace_all` keeps every old record and the old source."""
    store.replace_all([("anna", ANNA)], "first")

    def broken() -> Iterator[tuple[str, UserRecord]]:
        yield from ((f"user {number}", BEN) for number in range(2500))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        store.replace_all(broken(), "second")
    assert store.get_many(["anna", "user 0"]) == [ANNA, None]
    assert store.origin() == "first"


def test_readers_see_the_old_or_the_new_and_nothing_between(opener: Opener) -> None:
    """While records are exchanged, all records of an answer are of one generation."""
    users = [str(user) for user in range(300)]
    writer, reader = opener(), opener(read_only=True)
    writer.replace_all(((user, UserRecord({"n": 0}, [])) for user in users), "0")
    failed: list[Exception] = []

    def exchange() -> None:
        try:
            for n in range(1, 8):
                writer.replace_all(((user, UserRecord({"n": n}, [])) for user in users), str(n))
        except Exception as error:
            failed.append(error)

    thread = threading.Thread(target=exchange)
    thread.start()
    seen: list[int] = []
    while thread.is_alive() or not seen:
        records = [record for record in reader.get_many(users) if record]
        generations = {record.features["n"] for record in records}
        assert (len(records), len(generations)) == (300, 1)
        seen += generations
    thread.join()
    assert not failed
    assert seen == sorted(seen)


def test_what_counts_as_seen_may_differ_from_the_history(store: FeatureStore) -> None:
    """Loaded interactions keep both lists; events count by their kind."""
    store.put_many([("anna", UserRecord({}, ["a", "b"], loaded_seen=["b", "c"]))])
    store.record([Event.of("anna", "d", "view", time=1.0), Event.of("anna", "e", "cart", time=2.0)])
    (record,) = store.get_many(["anna"])
    assert record is not None
    assert (list(record.loaded), list(record.loaded_seen or ())) == (["a", "b"], ["b", "c"])
    assert list(record.history(None)) == ["a", "b", "d", "e"]
    assert list(record.history({"cart"})) == ["a", "b", "e"]
    assert list(record.history(())) == ["a", "b"]
    assert list(record.seen({"view"})) == ["b", "c", "d"]
    assert list(record.seen(None)) == ["b", "c", "d", "e"]
    store.put_many([("anna", record)])
    assert store.get_many(["anna"]) == [record]


def test_what_was_got_can_be_put_back(store: FeatureStore) -> None:
    """Recorded interactions do not become loaded ones in the process."""
    store.put_many([("anna", ANNA)])
    store.record([_event("anna", "new", 1.0)])
    (record,) = store.get_many(["anna"])
    assert record is not None
    store.put_many([("anna", record)])
    assert store.get_many(["anna"]) == [record]
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
    store.put_many([("anna", ANNA)])
    store.close()
    store.close()
    assert store.get_many(["anna"]) == [ANNA]
