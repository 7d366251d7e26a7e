"""Tests that need a GPU or a real data set skip if there is none."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

import shims  # noqa: F401  before any test imports Merlin
from recipes.load import load
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.heard import heard
from tests.shared import made_once

if "PYTEST_XDIST_WORKER" in os.environ:
    # The workers share the cores: more threads per worker would only wait for one another.
    for variable in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(variable, "1")

# Tests started in the background may ignore Ctrl-C, and the commands under test would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


def _gpus() -> str:
    try:
        ended = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return ended.stdout if ended.returncode == 0 else ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked and not _gpus().startswith("GPU "):
        for item in marked:
            item.add_marker(pytest.mark.skip(reason="no NVIDIA GPU: nvidia-smi -L lists none"))


@pytest.fixture(scope="session")
def movielens(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Artifacts]:
    """The recipe movielens-100k and artifacts that hold its real raw tables."""
    from sources.ingest import ingest

    recipe = load("movielens-100k")

    def make(folder: Path) -> None:
        try:
            ingest(recipe, Artifacts(folder / recipe.name), None)
        except ShortlistError as error:
            (folder / "why_not").write_text(str(error))

    folder = made_once(tmp_path_factory, "movielens", make)
    if (folder / "why_not").exists():
        reason = (folder / "why_not").read_text()
        pytest.skip(f"MovieLens-100K cannot be reached from here: {reason}")
    return recipe, Artifacts(folder / recipe.name)


@pytest.fixture
def said() -> Iterator[list[str]]:
    """What the project logs during the test."""
    with heard() as lines:
        yield lines
