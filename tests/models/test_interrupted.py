"""A full disk or a kill while training."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from tests.models import shop

#: In one process, for TensorFlow takes its time to load: two full disks, then kill -9 while training.
SCRIPT = """
import os, resource, signal, sys
from pathlib import Path
from models.train import train
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from recipes.schema.recipe import Recipe
from tests.heard import heard

recipe = Recipe.model_validate_json(sys.argv[1])
artifacts = Artifacts(Path(sys.argv[2]))

for largest_file in (300, 40_000):
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, resource.RLIM_INFINITY))
    try:
        train(recipe, artifacts, force=True)
    except ShortlistError as error:
        print("explained:", error, flush=True)
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    print("left:", sorted(path.name for path in artifacts.root.iterdir()), flush=True)

def kill(line):
    if line.startswith("retriever epoch 2"):
        os.kill(os.getpid(), signal.SIGKILL)

with heard(kill):
    train(recipe, artifacts, force=True)
"""


@pytest.fixture(scope="module")
def interrupted(
    artifacts: Artifacts, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Artifacts, subprocess.CompletedProcess[str]]:
    """Trained artifacts after two full disks and a kill, and what the process said."""
    copied = shop.copied(artifacts, tmp_path_factory.mktemp("interrupted") / "copy")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, recipe.model_dump_json(), str(copied.root)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    return copied, done


def test_a_full_disk_is_explained(
    interrupted: tuple[Artifacts, subprocess.CompletedProcess[str]],
) -> None:
    """Whether a checkpoint or a log cannot grow: what to do, and nothing half-written stays."""
    _, done = interrupted
    lines = done.stdout.splitlines()
    explained = [line for line in lines if line.startswith("explained:")]
    assert len(explained) == 2, done.stderr[-2000:]
    assert all("could not be written" in line and "File too large" in line for line in explained)
    assert done.stdout.count("Free disk space") == 2
    assert [line for line in lines if line.startswith("left:")] == [
        "left: ['models', 'prepared', 'preparing.lock', 'raw']"
    ] * 2


def test_the_former_models_stay_usable(
    interrupted: tuple[Artifacts, subprocess.CompletedProcess[str]], artifacts: Artifacts
) -> None:
    """After kill -9 in the middle of a training the models are, byte for byte, the former ones."""
    copied, done = interrupted
    assert done.returncode == -signal.SIGKILL
    assert shop.contents(copied.models.root) == shop.contents(artifacts.models.root)
    assert len(list(copied.root.glob(".models.*.tmp"))) == 1
