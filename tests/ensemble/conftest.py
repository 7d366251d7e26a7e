"""One made-up recommender, exported once, and one Triton for all tests of a session."""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ensemble.releases.export import export
from ensemble.triton.client import Client, Protocol
from ensemble.triton.server import Server, running_server
from runtime import plan
from runtime.stores.sqlite_store import SqliteFeatureStore
from stages.artifacts import Artifacts
from tests.ensemble.several_releases import write_three_releases
from tests.ensemble.synthetic import RECIPE, write_artifacts


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """Trained parts of the made-up recommender."""
    return write_artifacts(tmp_path_factory.mktemp("artifacts") / "made-up")


@pytest.fixture(scope="session")
def release(artifacts: Artifacts) -> Path:
    """Its exported release."""
    return export(RECIPE, artifacts, force=False)


@pytest.fixture(scope="session")
def three_releases(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """Three releases that answer differently; tests must not change them."""
    return write_three_releases(tmp_path_factory.mktemp("three") / "made-up")


@pytest.fixture
def three(three_releases: Artifacts, tmp_path: Path) -> Artifacts:
    """A copy that tests may change: releases with NDCG@10 of 0.50, 0.51 and 0.40; 1 is served."""
    return Artifacts(Path(shutil.copytree(three_releases.root, tmp_path / "made-up")))


@pytest.fixture(scope="session")
def store(artifacts: Artifacts, release: Path) -> Iterator[SqliteFeatureStore]:
    """The feature store that the export filled."""
    store = SqliteFeatureStore(artifacts.feature_store, read_only=True)
    yield store
    store.close()


@pytest.fixture(scope="session")
def served(release: Path, store: SqliteFeatureStore) -> plan.Plan:
    """The release, loaded in this process."""
    return plan.load(release, store)


@pytest.fixture(scope="session")
def server(artifacts: Artifacts, release: Path) -> Iterator[Server]:
    """A real Triton that serves the release on free ports."""
    with running_server(artifacts, RECIPE.name) as server:
        yield server


@pytest.fixture(params=["grpc", "http"])
def protocol(request: pytest.FixtureRequest) -> Protocol:
    """Each test that uses it runs over both protocols."""
    protocol: Protocol = request.param
    return protocol


@pytest.fixture
def client(server: Server, protocol: Protocol) -> Iterator[Client]:
    """A client of the session's server."""
    with Client(getattr(server.address, protocol), protocol) as client:
        yield client


@pytest.fixture
def in_parallel() -> Callable[..., list[Any]]:
    """Calls ``work(number)`` in ``threads`` threads at once and returns the results in order."""

    def run(work: Callable[[int], Any], threads: int) -> list[Any]:
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(work, range(threads)))

    return run
