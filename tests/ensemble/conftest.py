"""One made-up recommender, exported once, and one Triton for all the tests of a session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ensemble.export import export
from ensemble.runtime import plan
from ensemble.runtime.sqlite_store import SqliteFeatureStore
from recipes.artifacts import Artifacts
from tests.ensemble.synthetic import RECIPE, write_artifacts


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """Trained parts of the made-up recommender."""
    return write_artifacts(tmp_path_factory.mktemp("artifacts") / "made-up")


@pytest.fixture(scope="session")
def release(artifacts: Artifacts) -> Path:
    """Its exported release."""
    return export(RECIPE, artifacts, force=False, say=lambda _: None)


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
