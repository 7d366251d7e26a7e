"""Releases change and processes die while a server is under constant load, and answers continue."""

import shutil
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any

import numpy as np
import psutil
import pytest
from tritonclient import grpc, http
from tritonclient.utils import InferenceServerException

from ensemble.releases.gate import Gate
from ensemble.releases.publish import publish
from ensemble.releases.served import release_to_serve
from ensemble.triton.client import Client
from ensemble.triton.config import MODEL_NAME
from ensemble.triton.server import Address, running_server
from ensemble.triton.watch import instances
from runtime import plan
from runtime.stores.sqlite_store import SqliteFeatureStore
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.ensemble.several_releases import change, damage
from tests.ensemble.synthetic import RECIPE

USERS = [*map(str, range(1, 41)), "nobody"]
LIBRARIES = {"grpc": grpc, "http": http}
#: (release version, user) -> (item ids, bytes of the scores).
Expected = dict[tuple[str, str], tuple[list[str], bytes]]


@dataclass
class Load:
    """Eight connections, half of them HTTP, each requesting one random user after another."""

    address: Address
    expected: Expected
    answered: list[str] = field(default_factory=list)  # the version of each right answer
    wrong: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    #: Responses of /v2/health/ready other than ready.
    unready: list[str] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        threads = [
            threading.Thread(target=self._ask, args=(["grpc", "http"][number % 2], number))
            for number in range(8)
        ]
        threads.append(threading.Thread(target=self._watch))
        for thread in threads:
            thread.start()
        try:
            self.wait_for_more()
            yield
            self.wait_for_more()
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def wait_for_more(self, answers: int = 200) -> None:
        """Wait until ``answers`` more right answers have arrived."""
        enough, deadline = len(self.answered) + answers, time.monotonic() + 30
        while len(self.answered) < enough:
            assert time.monotonic() < deadline, self.failed[-1:] + self.wrong[-1:]
            time.sleep(0.02)

    def fails_within(self, seconds: float) -> bool:
        """Whether a request fails in the next ``seconds``."""
        before = len(self.failed)
        time.sleep(seconds)
        return len(self.failed) > before

    def _ask(self, protocol: str, seed: int) -> None:
        library: Any = LIBRARIES[protocol]
        client = library.InferenceServerClient(getattr(self.address, protocol))
        random = np.random.default_rng(seed)
        while not self._over.is_set():
            user = USERS[random.integers(len(USERS))]
            tensor = library.InferInput("user_id", [1, 1], "BYTES")
            tensor.set_data_from_numpy(np.array([[user.encode()]], dtype=object))
            try:
                answer = client.infer(MODEL_NAME, [tensor])
            except (InferenceServerException, OSError, HTTPException) as error:
                self.failed.append(f"{protocol}: {error}")
                continue
            response = answer.get_response()
            version = response.model_version if protocol == "grpc" else response["model_version"]
            items = [item.decode() for item in answer.as_numpy("item_ids")[0]]
            if (items, answer.as_numpy("scores")[0].tobytes()) == self.expected[version, user]:
                self.answered.append(version)
            else:
                self.wrong.append(f"user {user} of release {version}: {items}")
        client.close()

    def _watch(self) -> None:
        while not self._over.is_set():
            try:
                urllib.request.urlopen(f"http://{self.address.http}/v2/health/ready", timeout=10)
            except OSError as error:
                self.unready.append(str(error))
            time.sleep(0.01)


@pytest.fixture
def expected(three: Artifacts) -> Expected:
    """The answers of each release, computed in this process; all have different scores."""
    store = SqliteFeatureStore(three.feature_store, read_only=True)
    found: Expected = {}
    for version in ("1", "2", "3"):
        loaded = plan.load(three.model_repository / MODEL_NAME / version, store)
        for user in USERS:
            answers = loaded.recommend([user])
            found[version, user] = (answers.item_ids[0].tolist(), answers.scores[0].tobytes())
    store.close()
    assert len({scores for _, scores in found.values()}) == len(found)
    return found


def test_publishing_loses_no_request_and_mixes_no_answer(
    three: Artifacts, expected: Expected
) -> None:
    """Ten releases take over one after another, a damaged one does not: no client notices.

    Every request is answered, every answer is entirely from the release that it names, and the server is
    ready at every moment.
    """
    with running_server(three, RECIPE.name) as server:
        damaged = three.model_repository / MODEL_NAME / "4"
        shutil.copytree(damaged.with_name("1"), damaged)
        damage(damaged)
        load = Load(server.address, expected)
        with load.running():
            for number in range(10):
                publish(RECIPE, three, 1 + number % 3, Gate(force=True))
                if number == 4:
                    with pytest.raises(
                        ShortlistError, match=r"4/ranker\.onnx with SHA-256 .*, got a damaged file"
                    ):
                        publish(RECIPE, three, 4, Gate(force=True))
                load.wait_for_more(50)
    assert load.failed == []
    assert load.wrong == []
    assert load.unready == []
    assert set(load.answered) == {"1", "2", "3"}
    assert load.answered[-1] == "1"


def test_a_process_that_is_killed_is_replaced(three: Artifacts, expected: Expected) -> None:
    """Its requests fail, and so do those that it is sent until a new set of processes is ready.

    After that nothing fails, no answer was wrong, and the rest of the old set is gone. It dies during its
    own work, as for lack of memory; in the middle of a message to Triton, it could take Triton with it.
    """
    change(release_to_serve(three, RECIPE.name), "runtime/plan.py", *_DIES_ANSWERING)
    with running_server(three, RECIPE.name) as server:
        triton, load = server.process.pid, Load(server.address, expected)
        count = len(instances(triton))
        with load.running():
            before = set(instances(triton))
            with (
                Client(server.address.grpc) as client,
                pytest.raises(ShortlistError, match="not healthy"),
            ):
                client.recommend(["killer"])
            assert _eventually(lambda: len(set(instances(triton)) - before) == count)
            # Without a replacement, the dead one would fail some requests about every second.
            assert _eventually(lambda: not load.fails_within(4))
        assert _eventually(lambda: _states(triton, before) == {psutil.STATUS_ZOMBIE})
    assert all("not healthy" in each for each in load.failed)
    assert load.wrong == []
    assert load.unready == []


_ANSWERS = "        made = list(self._batches(together, names))\n"
#: A change to a release's code: the process that must answer this user ends at once.
_DIES_ANSWERING = (
    _ANSWERS,
    """\
        if "killer" in [question.user_id for question in together]:
            import os

            os.kill(os.getpid(), 9)
"""
    + _ANSWERS,
)


def _states(triton: int, processes: set[psutil.Process]) -> set[str]:
    """The states of the processes; one that is gone counts as dead, like a zombie."""
    now = instances(triton)
    return {now.get(each, psutil.STATUS_ZOMBIE) for each in processes}


def _eventually(condition: Callable[[], bool], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not condition():
        time.sleep(0.1)
    return condition()
