"""The feature store behind a running server: events count at once, and it recovers from faults."""

import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ensemble.feature_store.choice import VARIABLE, ChosenStore, store_of
from ensemble.releases.export import export
from ensemble.triton.client import Client
from ensemble.triton.server import running_server
from runtime.plan import load
from runtime.stores.feature_store import Event, FeatureStore
from stages.artifacts import Artifacts
from tests.ensemble.synthetic import RECIPE
from tests.redis_server import RedisServer, running_redis


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def copied(artifacts: Artifacts, release: Path, tmp_path: Path) -> Artifacts:
    """The trained parts and the release, still without a feature store."""
    ignored = shutil.ignore_patterns("feature_store.sqlite*", "server.*")
    return Artifacts(Path(shutil.copytree(artifacts.root, tmp_path / "made-up", ignore=ignored)))


def _eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    """Whether the condition becomes true ten times in a row: the server has several instances."""
    deadline = time.monotonic() + seconds
    held = 0
    while held < 10 and time.monotonic() < deadline:
        held = held + 1 if condition() else 0
        time.sleep(0.03)
    return held == 10


def _top(client: Client, user: str) -> str:
    item: str = client.recommend([user], top_k=1).item_ids[0, 0]
    return item


def _events_and_switches_count(client: Client, store: FeatureStore) -> None:
    """A recorded item is not in the next answer of a new user; nor is one that is switched off."""
    assert client.recommend(["newcomer"]).known_user.tolist() == [False]
    taken = []
    for _ in range(3):
        best = _top(client, "newcomer")
        assert best not in taken
        store.record([Event.of("newcomer", best)])
        taken.append(best)
    answer = client.recommend(["newcomer"], top_k=50)
    assert answer.known_user.tolist() == [True]
    assert not set(taken) & set(answer.item_ids[0])
    off = _top(client, "1")
    store.switch([off], on=False)
    assert _eventually(lambda: _top(client, "1") != off)
    store.switch([off], on=True)
    assert _eventually(lambda: _top(client, "1") == off)


def test_a_server_on_sqlite(copied: Artifacts) -> None:
    """It starts without a store and answers as for unknown users until one exists."""
    with running_server(copied, "made-up") as server, Client(server.address.grpc) as client:
        answer = client.recommend(["1", "nobody"])
        assert answer.known_user.tolist() == [False, False]
        assert answer.degraded.tolist() == [True, True]
        assert (answer.item_ids != "").all()
        export(RECIPE, copied, force=False)
        assert _eventually(lambda: client.recommend(["1"]).known_user.tolist() == [True])
        assert client.recommend(["1", "nobody"]).degraded.tolist() == [False, False]
        store = store_of(RECIPE, copied).open()
        _events_and_switches_count(client, store)
        store.close()


def test_a_server_on_redis(
    copied: Artifacts, redis: RedisServer, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    """With Redis in the environment, `export` fills it and the server reads it, also after outages."""
    monkeypatch.setenv(VARIABLE, redis.url)
    said.clear()
    export(RECIPE, copied, force=True)
    assert said[0] == f"feature store filled: {redis.url}"
    assert not copied.feature_store.exists()
    with running_server(copied, "made-up") as server, Client(server.address.grpc) as client:
        assert _eventually(lambda: client.recommend(["1"]).known_user.tolist() == [True])
        store = store_of(RECIPE, copied).open()
        _events_and_switches_count(client, store)
        with redis.hanging():
            assert client.recommend(["1"]).degraded.tolist() == [True]
        assert _eventually(lambda: client.recommend(["1"]).known_user.tolist() == [True])
        redis.stop()
        assert client.recommend(["1"]).degraded.tolist() == [True]
        redis.start()
        export(RECIPE, copied, force=False)
        assert _eventually(lambda: client.recommend(["1"]).known_user.tolist() == [True])


def test_the_given_store_goes_before_that_of_the_release(
    copied: Artifacts, redis: RedisServer
) -> None:
    """`shortlist serve` passes the recipe's current store, with its password."""
    redis.ask("CONFIG", "SET", "requirepass", "s3cret")
    chosen = ChosenStore(redis.url.replace("//", "//:s3cret@"), "made-up", 20, 1000)
    chosen.open().record([Event.of("newcomer", "1")])
    with (
        running_server(copied, "made-up", store=chosen) as server,
        Client(server.address.grpc) as client,
    ):
        assert _eventually(lambda: client.recommend(["newcomer"]).known_user.tolist() == [True])


def test_an_event_changes_the_query(copied: Artifacts) -> None:
    """The history in a user's query ends with the item that was just recorded."""
    release = export(RECIPE, copied, force=True)
    store = store_of(RECIPE, copied).open()
    plan = load(release, store)
    before = plan.run(plan.columns(plan.request(["1", "2"])))
    store.record([Event.of("1", "77")])
    after = plan.run(plan.columns(plan.request(["1", "2"])))
    store.close()
    assert (before["query"][0] != after["query"][0]).any()
    assert (before["query"][1] == after["query"][1]).all()
    # Codes start at 3, and one of the items before it is OOV.
    assert [code for code in after["user.item_id_history"][0] if code][-1] == 77 - 1 + 3 - 1
