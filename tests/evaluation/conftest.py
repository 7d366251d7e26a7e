"""What tests of the evaluation share."""

import pytest

from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from tests.models import shop


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Artifacts]:
    """The shop that tests/models trains too: once a session for both. Not to be changed."""
    return shop.trained(tmp_path_factory)
