"""A training that meets a full disk or is killed: earlier models stay, and the next one resumes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from models.train import train
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.disks import full_disk
from tests.heard import heard
from tests.models import shop

#: Kills its own process as soon as training logs a line that begins with the third argument.
SCRIPT = """
import os, signal, sys
from collections.abc import Callable
from pathlib import Path
from models.train import train
from stages.artifacts import Artifacts
from recipes.schema.recipe import Recipe
from tests.heard import heard

def kill(line):
    print(line, flush=True)
    if line.startswith(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

recipe = Recipe.model_validate_json(sys.argv[1])
with heard(kill):
    train(recipe, Artifacts(Path(sys.argv[2])), force=True)
"""


@pytest.fixture(scope="module")
def lively(recipe: Recipe) -> Recipe:
    """The shop's recipe with random layers in all its models."""
    ranker = recipe.ranker.model_copy(update={"dropout": 0.3, "max_epochs": 3})
    retriever = recipe.retriever.model_copy(update={"max_epochs": 3, "log_every": 3})
    return recipe.model_copy(update={"ranker": ranker, "retriever": retriever})


@pytest.fixture(scope="module")
def killed(
    lively: Recipe, artifacts: Artifacts, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Artifacts, list[str]]:
    """Trained artifacts after another training was killed in its second epoch, and what that one logged.

    Do not modify them: copy them first.
    """
    copied, at = (
        shop.copied(artifacts, tmp_path_factory.mktemp("killed") / "c"),
        "retriever epoch 2",
    )
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, lively.model_dump_json(), str(copied.root), at],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    return copied, done.stdout.splitlines()


def interrupt_at(beginning: str) -> Callable[[str], None]:
    """Ctrl-C as soon as a logged line begins so."""

    def interrupt(line: str) -> None:
        if line.startswith(beginning):
            raise KeyboardInterrupt

    return interrupt


@pytest.mark.parametrize("largest_file", [300, 40_000])
def test_a_full_disk_is_explained(recipe: Recipe, copied: Artifacts, largest_file: int) -> None:
    """If a checkpoint or a log cannot grow, the error says what to do, and nothing half-written stays."""
    before = shop.contents(copied.models.root)
    explained = r"to write the models to .*/models, got: .*File too large.* Free disk space"
    with full_disk(largest_file), pytest.raises(ShortlistError, match=explained):
        train(recipe, copied, force=True)
    left = ["models", "prepared", "preparing.lock", "raw"]
    assert sorted(path.name for path in copied.root.iterdir()) == left
    assert shop.contents(copied.models.root) == before


def test_a_kill_leaves_the_former_models(
    killed: tuple[Artifacts, list[str]], artifacts: Artifacts
) -> None:
    """After kill -9 in mid-training the models are the earlier ones, byte for byte."""
    left, _ = killed
    assert shop.contents(left.models.root) == shop.contents(artifacts.models.root)
    assert len(list(left.root.glob(".models.*.tmp"))) == 1


def test_killed_and_interrupted_it_ends_with_the_same_weights_bit_for_bit(
    lively: Recipe, artifacts: Artifacts, killed: tuple[Artifacts, list[str]], tmp_path: Path
) -> None:
    """No finished epoch is repeated; weights, embeddings and figures are those of an undisturbed run."""
    undisturbed = shop.copied(artifacts, tmp_path / "undisturbed")
    train(lively, undisturbed, force=True)
    assert not undisturbed.training.exists()
    left, first = killed
    disturbed = shop.copied(left, tmp_path / "disturbed")
    with heard(interrupt_at("ranker epoch 3")) as second, pytest.raises(KeyboardInterrupt):
        train(lively, disturbed, force=True)
    with heard() as last:
        train(lively, disturbed)
    logged = [[line.split(":")[0] for line in lines] for lines in (first, second, last)]
    assert "retriever epoch 1" in logged[0]
    assert not {"retriever epoch 1"} & {*logged[1], *logged[2]}
    assert {"retriever epoch 2", "retriever epoch 3", "ranker epoch 1"} <= set(logged[1])
    assert not {"retriever epoch 2", "retriever epoch 3", "ranker epoch 1"} & set(logged[2])
    assert "ranker epoch 3" in logged[2]
    compared = 0
    for file in sorted(undisturbed.models.logs.rglob("*.npz")):
        again = disturbed.models.logs / file.relative_to(undisturbed.models.logs)
        with np.load(file) as one, np.load(again) as other:
            assert one.files == other.files
            for name in one.files:
                np.testing.assert_array_equal(one[name], other[name], f"{file.parent.name} {name}")
                compared += 1
    assert compared > 40
    tables = [pq.read_table(one.models.item_embeddings) for one in (undisturbed, disturbed)]
    assert tables[0].equals(tables[1])
    figures = [json.loads(one.models.training.read_text()) for one in (undisturbed, disturbed)]
    undisturbed_seconds, _ = (each.pop("seconds") for each in figures)
    assert list(undisturbed_seconds) == [
        *("retriever, with early stopping", "candidates", "ranker", "retriever", "export")
    ]
    assert all(each.pop("peak_mb").keys() == undisturbed_seconds.keys() for each in figures)
    assert figures[0] == figures[1]
    assert not disturbed.training.exists()


def test_another_recipe_begins_anew(
    lively: Recipe, killed: tuple[Artifacts, list[str]], tmp_path: Path
) -> None:
    """A training with other settings cannot use what a killed one left, and deletes it."""
    copied = shop.copied(killed[0], tmp_path / "copy")
    left = copied.training / "stamp.json"
    before = left.read_text()
    shorter = lively.retriever.model_copy(update={"max_epochs": 1})
    other = lively.model_copy(update={"retriever": shorter})
    with heard(interrupt_at("ranker epoch 1")) as logged, pytest.raises(KeyboardInterrupt):
        train(other, copied)
    assert left.read_text() != before
    assert any(line.startswith("retriever epoch 1") for line in logged)
    assert not any("resuming" in line for line in logged)
