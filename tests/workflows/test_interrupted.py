"""A kill or a full disk while preparing."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from recipes.artifacts import Artifacts
from recipes.recipe import Recipe
from workflows.prepare import prepare

Build = Callable[..., Recipe]

SCRIPT = """
import os, resource, signal, sys
from pathlib import Path
from recipes.artifacts import Artifacts
from recipes.errors import ShortlistError
from recipes.recipe import Recipe
from workflows.prepare import prepare

import workflows.without_tensorflow

recipe = Recipe.model_validate_json(sys.argv[1])
kill_at, largest_file = sys.argv[3], int(sys.argv[4])

def say(line):
    if kill_at and kill_at in line:
        os.kill(os.getpid(), signal.SIGKILL)

if largest_file:
    import workflows.with_polars, workflows.with_nvtabular  # what is imported may be compiled and written
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
try:
    prepare(recipe, Artifacts(Path(sys.argv[2])), force=True, say=say)
except ShortlistError as error:
    sys.exit(str(error))
"""


def run(
    recipe: Recipe, artifacts: Artifacts, kill_at: str = "", largest_file: int = 0
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, recipe.model_dump_json(), str(artifacts.root)]
    return subprocess.run(
        [*command, kill_at, str(largest_file)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )


def contents(artifacts: Artifacts) -> dict[str, bytes]:
    root = artifacts.prepared.root
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("moment", ["split:", "encoded"])
def test_a_kill_leaves_the_old_output(shop: Artifacts, shop_recipe: Build, moment: str) -> None:
    """kill -9 early or right before the end: the old output stays, the next run clears the rest."""
    recipe = shop_recipe()
    prepare(recipe, shop, force=False, say=print)
    before = contents(shop)
    other = shop_recipe(interactions={"history_length": 1})
    assert run(other, shop, kill_at=moment).returncode == -signal.SIGKILL
    assert contents(shop) == before
    assert len(list(shop.root.glob(".prepared.*.tmp"))) == 1
    prepare(other, shop, force=False, say=print)
    assert not list(shop.root.glob(".prepared.*.tmp"))
    assert contents(shop) != before


@pytest.mark.parametrize("largest_file", [500, 4_500])
def test_a_full_disk_is_explained_and_leaves_the_old_output(
    shop: Artifacts, shop_recipe: Build, largest_file: int
) -> None:
    """Files that cannot grow further, at the first or a later one: what to do, and nothing lost."""
    prepare(shop_recipe(), shop, force=False, say=print)
    before = contents(shop)
    done = run(shop_recipe(), shop, largest_file=largest_file)
    assert done.returncode == 1
    assert "could not be written" in done.stderr
    assert "Free disk space" in done.stderr
    assert contents(shop) == before
    assert not list(shop.root.glob(".prepared.*.tmp"))
