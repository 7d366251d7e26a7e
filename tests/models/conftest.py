"""Fixtures of the model tests."""

from pathlib import Path

import pytest

from models.prepared import PreparedData
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from tests.models import shop


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Artifacts]:
    """The shop's recipe and its artifacts, trained. Do not modify them: copy them first."""
    return shop.trained(tmp_path_factory)


@pytest.fixture(scope="session")
def recipe(trained: tuple[Recipe, Artifacts]) -> Recipe:
    return trained[0]


@pytest.fixture(scope="session")
def artifacts(trained: tuple[Recipe, Artifacts]) -> Artifacts:
    """Do not modify them: see ``copied``."""
    return trained[1]


@pytest.fixture(scope="session")
def data(artifacts: Artifacts) -> PreparedData:
    return PreparedData(artifacts.prepared)


@pytest.fixture
def copied(artifacts: Artifacts, tmp_path: Path) -> Artifacts:
    """A copy of the shop's artifacts."""
    return shop.copied(artifacts, tmp_path / "copy")
