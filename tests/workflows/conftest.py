"""Fixtures shared by the tests of the preparation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from tests.workflows import shop as made_up


@pytest.fixture
def shop_recipe() -> Callable[..., Recipe]:
    """Builds the shop's recipe; keyword arguments replace whole tables of it."""
    return made_up.shop_recipe


@pytest.fixture
def shop(tmp_path: Path) -> Artifacts:
    """Artifacts that hold only the raw tables."""
    artifacts = Artifacts(tmp_path / "shop")
    made_up.write_shop(artifacts.raw)
    return artifacts


@pytest.fixture
def messages(said: list[str]) -> list[str]:
    """The log lines of the project during the test."""
    return said


@pytest.fixture
def replace_column() -> Callable[[Path, str, Any], None]:
    """Rewrites a table with other values in one column."""

    def replace(path: Path, name: str, values: Any) -> None:
        table = pq.read_table(path)
        place = table.column_names.index(name)
        pq.write_table(table.set_column(place, name, pa.array(values)), path)

    return replace


@pytest.fixture
def encoded() -> Callable[[Artifacts, str], pd.DataFrame]:
    """Reads the encoded rows of a part."""

    def read(artifacts: Artifacts, part: str) -> pd.DataFrame:
        files = sorted(artifacts.prepared.interactions(part).glob("*.parquet"))
        return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)

    return read
