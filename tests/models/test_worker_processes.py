"""Worker processes without a model: small programs that write their rank, wait, fail or die."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from models.distributed.worker_processes import run_workers
from models.distributed.workers import VARIABLE
from stages.errors import ShortlistError
from tests.ensemble.processes import processes_of

ROOT = Path(__file__).parents[2]
BEGIN = """
import json, os, signal, sys, time
task = json.loads(os.environ["TF_CONFIG"])
rank = task["task"]["index"]
with open(f"{sys.argv[1]}/{rank}", "w") as file:
    json.dump({"config": task, "id": os.getpid()}, file)
"""


def command(folder: Path, then: str) -> list[str]:
    return [sys.executable, "-c", BEGIN + then, str(folder)]


def written(folder: Path, rank: int) -> dict[str, Any]:
    return json.loads((folder / str(rank)).read_text())


def is_alive(process: Any) -> bool:
    """Each worker leads its own process group."""
    return bool(processes_of(process))


def test_each_knows_all_and_the_chief_alone_prints(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """All get the same three addresses, and each a rank; only rank 0's output is printed."""
    assert run_workers(command(tmp_path, "print('rank', rank)"), 3) == 0
    configs = [written(tmp_path, rank)["config"] for rank in range(3)]
    clusters = [config["cluster"]["worker"] for config in configs]
    assert len(set(clusters[0])) == 3
    assert clusters[0] == clusters[1] == clusters[2]
    assert [config["task"]["index"] for config in configs] == [0, 1, 2]
    assert capfd.readouterr().out.splitlines() == ["rank 0"]


@pytest.mark.parametrize("killed", [0, 1])
def test_if_one_is_killed_the_others_are_stopped(tmp_path: Path, killed: int) -> None:
    """The message names the killed worker; the other, which would wait for a minute, is stopped at once."""
    wait = f"""
while rank == {killed} and not os.path.exists(sys.argv[1] + "/{1 - killed}"):
    time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL) if rank == {killed} else time.sleep(60)
"""
    message = (
        f"expected workers 0 to 1 to finish, got worker {killed}, which was killed by signal 9"
    )
    with pytest.raises(ShortlistError, match=message):
        run_workers(command(tmp_path, wait), 2)
    assert not is_alive(written(tmp_path, 1 - killed)["id"])


def test_a_workers_failure_is_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its own standard error, and its status."""
    fail = "sys.exit('no such disk') if rank == 1 else time.sleep(60)"
    message = "expected workers 0 to 1 to finish, got worker 1, which failed with status 1"
    with pytest.raises(ShortlistError, match=message):
        run_workers(command(tmp_path, fail), 2)
    assert "no such disk" in capfd.readouterr().err


def test_the_chiefs_failure_is_the_commands(tmp_path: Path) -> None:
    """Rank 0 has printed why itself; the others are ended and its status is returned."""
    wait = """
while rank == 0 and not os.path.exists(sys.argv[1] + "/1"):
    time.sleep(0.01)
sys.exit(3) if rank == 0 else time.sleep(60)
"""
    assert run_workers(command(tmp_path, wait), 2) == 3
    assert not is_alive(written(tmp_path, 1)["id"])


def test_the_variable_must_not_be_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process that is already a worker does not start workers."""
    monkeypatch.setenv(VARIABLE, "{}")
    with pytest.raises(ShortlistError, match="expected TF_CONFIG to be unset"):
        run_workers(command(tmp_path, ""), 2)
    assert list(tmp_path.iterdir()) == []


def test_they_end_with_who_started_them(tmp_path: Path) -> None:
    """Even kill -9 of the starting process leaves no worker behind."""
    words = command(tmp_path, "time.sleep(60)")
    start = (
        f"from models.distributed.worker_processes import run_workers; run_workers({words!r}, 2)"
    )
    starter = subprocess.Popen([sys.executable, "-c", start], cwd=ROOT)
    places = [tmp_path / str(rank) for rank in range(2)]
    while not all(place.exists() and place.read_text().endswith("}") for place in places):
        time.sleep(0.01)
    starter.kill()
    starter.wait()
    left = [written(tmp_path, rank)["id"] for rank in range(2)]
    deadline = time.monotonic() + 30
    while any(map(is_alive, left)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
