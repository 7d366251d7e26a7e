"""Two workers train one model: the same as one process's, written once, even if a worker was killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from models.distributed.worker_processes import free_addresses, run_workers
from models.distributed.workers import VARIABLE
from models.train import train
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from tests.models import shop

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
#: Each worker trains in its own folder, as if on its own machine, and stores its log lines with its rank.
#: Worker 1 kills itself as soon as rank 0 has logged the fourth argument.
SCRIPT = """
import json, os, signal, sys, threading, time
from pathlib import Path
from models.train import train
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from recipes.schema.recipe import Recipe
from tests.heard import heard

folder, log, last = Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
rank = json.loads(os.environ["TF_CONFIG"])["task"]["index"]

def write(line):
    with log.open("a") as file:
        file.write(f"{rank} {line}\\n")

def die():
    while not log.exists() or last not in log.read_text():
        time.sleep(0.02)
    os.kill(os.getpid(), signal.SIGKILL)

if rank == 1 and last:
    threading.Thread(target=die, daemon=True).start()
try:
    recipe = Recipe.model_validate_json(sys.argv[1])
    with heard(write):
        train(recipe, Artifacts(folder / str(rank)), force=True)
except ShortlistError as error:
    sys.exit(f"shortlist: {error}")
"""


@dataclass(frozen=True)
class Trained:
    """What one process made, and two workers after one of them was killed in a first try.

    ``before``: the files of worker 1's folder beforehand; ``logged``: lines of the first and second try.
    """

    alone: Artifacts
    chief: Artifacts
    other: Artifacts
    before: dict[str, bytes]
    complaint: str
    statuses: tuple[int, int]
    progress: list[str]
    logged: tuple[list[str], list[str]]


def command(recipe: Recipe, folder: Path, log: Path, last: str = "") -> list[str]:
    arguments = [recipe.model_dump_json(), str(folder), str(log), last]
    return [sys.executable, "-c", SCRIPT, *arguments]


def started(words: list[str], addresses: list[str], rank: int) -> subprocess.Popen[str]:
    """A worker started by hand, with TF_CONFIG."""
    task = {"type": "worker", "index": rank}
    config = json.dumps({"cluster": {"worker": addresses}, "task": task})
    environment = {**os.environ, VARIABLE: config}
    return subprocess.Popen(words, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The two-tower model and the DLRM of the shop, without randomness in their steps."""
    folder = tmp_path_factory.mktemp("several-workers")
    shop.write_files(folder)
    still = {"unknown_rate": 0.0, "history_dropout": 0.0, "max_epochs": 3}
    recipe = shop.recipe(folder, retriever=still)
    alone = shop.prepared(folder, recipe)
    chief, other = (shop.copied(alone, folder / str(rank)) for rank in (0, 1))
    before = shop.contents(other.root)
    train(recipe, alone, force=True)

    first, second = folder / "first", folder / "second"
    words = command(recipe, folder, first, "retriever epoch 2")
    addresses = free_addresses(2)
    workers = [started(words, addresses, rank) for rank in (0, 1)]
    complaint, _ = (worker.communicate(timeout=300)[1] for worker in workers)
    progress = [path.name for path in chief.training.rglob("progress.json")]
    with contextlib.chdir(ROOT):
        assert run_workers(command(recipe, folder, second), 2) == 0
    return Trained(
        alone,
        chief,
        other,
        before,
        complaint,
        (workers[0].returncode, workers[1].returncode),
        progress,
        (first.read_text().splitlines(), second.read_text().splitlines()),
    )


def test_a_killed_worker_ends_the_other_with_a_message(trained: Trained) -> None:
    """The remaining worker reports it instead of waiting; finished epochs stay."""
    assert trained.statuses == (1, -signal.SIGKILL), trained.complaint[-2000:]
    message = "shortlist: expected all 2 workers to run to the end, got one that stopped early"
    assert message in trained.complaint
    assert trained.progress == ["progress.json"]


def test_it_goes_on_where_the_worker_was_lost(trained: Trained) -> None:
    """Started again, both resume after the epochs that rank 0 had finished, and complete."""
    first, second = trained.logged
    assert "0 retriever epoch 1" in {line.split(":")[0] for line in first}
    begun = [line.split(":")[0] for line in second]
    assert any("resuming" in line for line in second)
    assert "0 retriever epoch 1" not in begun
    assert "0 retriever epoch 3" in begun
    assert not trained.chief.training.exists()


def test_the_chief_alone_speaks_and_writes(trained: Trained) -> None:
    """All lines are rank 0's; the other worker's folder is unchanged, byte for byte."""
    assert {line.split()[0] for lines in trained.logged for line in lines} == {"0"}
    assert shop.contents(trained.other.root) == trained.before
    assert trained.chief.models.training.exists()


def test_two_workers_make_what_one_process_makes(trained: Trained) -> None:
    """The losses agree to 1e-4, the retriever's weights to 1e-5, the ranker's to 5e-3.

    The ranker's tolerance is larger because it sees scores of the retriever's vectors. The bias at a tower's
    end adds the same to all items' scores, so its gradient is nothing but rounding error: items are compared
    by their distance from the mean item.
    """
    one, two = (read.models for read in (trained.alone, trained.chief))
    figures = [json.loads(models.training.read_text()) for models in (one, two)]
    for model in ("retriever", "ranker"):
        losses = [[epoch["loss"] for epoch in each[model]["validation"]] for each in figures]
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
    embeddings = [
        np.stack(pq.read_table(models.item_embeddings)["embedding"].to_numpy())
        for models in (one, two)
    ]
    centred = [each - each.mean(axis=0) for each in embeddings]
    np.testing.assert_allclose(centred[0], centred[1], atol=1e-5)
    for name, tolerance in (("retriever", 1e-5), ("retriever-final", 1e-5), ("ranker", 5e-3)):
        with (
            np.load(one.logs / name / "weights.npz") as first,
            np.load(two.logs / name / "weights.npz") as second,
        ):
            compared = [key for key in first.files if first[key].ndim == 2]
            assert len(compared) >= 8
            for key in compared:
                np.testing.assert_allclose(first[key], second[key], atol=tolerance, err_msg=name)
