"""A training that was killed, twice, and then left alone: it ends as one that nobody disturbed."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from models.train import train
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from tests.heard import heard
from tests.models import shop

#: Kills its own process as soon as a training says a line that begins with the third argument.
SCRIPT = """
import os, signal, sys
from pathlib import Path
from models.train import train
from stages.artifacts import Artifacts
from recipes.schema.recipe import Recipe
from tests.heard import heard

def say(line):
    print(line, flush=True)
    if line.startswith(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

recipe = Recipe.model_validate_json(sys.argv[1])
with heard(say):
    train(recipe, Artifacts(Path(sys.argv[2])), force=True)
"""


def killed(recipe: Recipe, artifacts: Artifacts, at: str) -> list[str]:
    """What a training said until it was killed."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, recipe.model_dump_json(), str(artifacts.root), at],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def lively(recipe: Recipe) -> Recipe:
    """The shop's recipe, where the layers draw at random in all its models."""
    ranker = recipe.ranker.model_copy(update={"dropout": 0.3, "max_epochs": 3})
    retriever = recipe.retriever.model_copy(update={"max_epochs": 3, "log_every": 3})
    return recipe.model_copy(update={"ranker": ranker, "retriever": retriever})


def test_killed_twice_it_ends_with_the_same_weights_bit_for_bit(
    lively: Recipe, artifacts: Artifacts, tmp_path: Path
) -> None:
    """No finished epoch is done again; weights, embeddings and figures are those of an undisturbed run."""
    undisturbed = shop.copied(artifacts, tmp_path / "undisturbed")
    train(lively, undisturbed, force=True)
    assert not undisturbed.training.exists()
    disturbed = shop.copied(artifacts, tmp_path / "disturbed")
    first = killed(lively, disturbed, "retriever epoch 2")
    second = killed(lively, disturbed, "ranker epoch 3")
    with heard() as last:
        train(lively, disturbed, force=False)
    said = [[line.split(":")[0] for line in lines] for lines in (first, second, last)]
    assert "retriever epoch 1" in said[0]
    assert not {"retriever epoch 1"} & {*said[1], *said[2]}
    assert {"retriever epoch 2", "retriever epoch 3", "ranker epoch 1"} <= set(said[1])
    assert not {"retriever epoch 2", "retriever epoch 3", "ranker epoch 1"} & set(said[2])
    assert "ranker epoch 3" in said[2]
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
    assert figures[0] == figures[1]
    assert not disturbed.training.exists()


def test_another_recipe_begins_anew(lively: Recipe, artifacts: Artifacts, tmp_path: Path) -> None:
    """What a killed training left is of no use to one with other settings, and goes."""
    copied = shop.copied(artifacts, tmp_path / "copy")
    killed(lively, copied, "retriever epoch 2")
    left = copied.training / "stamp.json"
    before = left.read_text()
    shorter = lively.retriever.model_copy(update={"max_epochs": 1})

    def stop(line: str) -> None:
        if line.startswith("ranker epoch 1"):
            assert left.read_text() != before
            raise KeyboardInterrupt

    with heard(stop) as said, pytest.raises(KeyboardInterrupt):
        train(lively.model_copy(update={"retriever": shorter}), copied, force=False)
    assert any(line.startswith("retriever epoch 1") for line in said)
    assert not any("going on" in line for line in said)
