"""Fixtures of the evaluation tests."""

import pytest

from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from tests.models import shop


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Artifacts]:
    """The shop that tests/models also trains, once a session for both. Do not modify it."""
    return shop.trained(tmp_path_factory)
