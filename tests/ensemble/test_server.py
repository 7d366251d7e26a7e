"""A real Triton starts, reports what is wrong, and leaves nothing behind."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ensemble.releases.records import records_of
from ensemble.triton import server as server_module
from ensemble.triton.client import Client
from ensemble.triton.installation import find_triton
from ensemble.triton.process import SHARED_MEMORY, cause
from ensemble.triton.server import Server, read_address, running_server
from runtime import manifest
from runtime.stores.sqlite_store import SqliteFeatureStore
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.ensemble.processes import processes_of
from tests.ensemble.synthetic import USERS

ROOT = Path(server_module.__file__).parents[1]


@pytest.fixture
def copied(artifacts: Artifacts, release: Path, tmp_path: Path) -> Artifacts:
    """The exported recommender; tests may damage it."""
    copy = Artifacts(tmp_path / "made-up")
    shutil.copytree(artifacts.model_repository, copy.model_repository)
    # A copy through the store itself: a plain copy of a file in use may lack its write-ahead log.
    source = SqliteFeatureStore(artifacts.feature_store, read_only=True)
    users = [str(user) for user in range(1, USERS + 1)]
    version = records_of(release)
    records = source.get_many(users, version)
    target = SqliteFeatureStore(copy.feature_store)
    known = ((user, record) for user, record in zip(users, records, strict=True) if record)
    target.load(version, known)
    target.close()
    source.close()
    return copy


def _shared_memory_prefix(server: int) -> str:
    """The prefix of this server's shared memory: other servers may be running."""
    words = Path(f"/proc/{server}/cmdline").read_text().split("\0")
    (prefix,) = (word.rpartition("=")[2] for word in words if "shm-region-prefix-name=" in word)
    return prefix


def _eventually(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return condition()


def test_the_server_is_announced_while_it_runs(server: Server, artifacts: Artifacts) -> None:
    """Clients find the address in the artifacts, next to the log."""
    assert read_address(artifacts) == server.address
    assert "recommender" in artifacts.server_log.read_text()


def test_memory_of_all_processes_together_is_below_a_gigabyte(server: Server) -> None:
    """Triton and its instances together use far less than TensorFlow alone would."""
    with Client(server.address.grpc) as client:
        client.recommend([str(user) for user in range(64)], top_k=50)
    processes = processes_of(server.process.pid)
    assert len(processes) >= 2
    kilobytes = 0
    for process in processes:
        text = Path(f"/proc/{process}/status").read_text()
        kilobytes += int(text.split("VmRSS:")[1].split()[0])
    assert kilobytes < 1_000_000


def test_serving_adds_no_file_to_a_release(server: Server, release: Path) -> None:
    """After loading and answering, the release holds only the files of its manifest."""
    with Client(server.address.grpc) as client:
        client.recommend(["1"])
    files = {path.relative_to(release).as_posix() for path in release.rglob("*") if path.is_file()}
    assert files == {*manifest.read(release)["files"], manifest.NAME}


def test_nothing_is_left_when_the_server_stops(copied: Artifacts) -> None:
    """No process, shared memory or address is left, and the server starts again on the same files."""
    for _ in range(2):
        with running_server(copied, "made-up") as running:
            group = running.process.pid
            assert len(processes_of(group)) >= 2
            assert read_address(copied) == running.address
            shared_memory = f"{_shared_memory_prefix(group)}*"
            assert list(SHARED_MEMORY.glob(shared_memory))
        assert processes_of(group) == []
        assert read_address(copied) is None
        assert not copied.server_address.exists()
        assert not list(SHARED_MEMORY.glob(shared_memory))


def test_nothing_is_left_after_an_exception(copied: Artifacts) -> None:
    """An error in the block stops the server and is raised unchanged."""
    group = 0
    with pytest.raises(ZeroDivisionError), running_server(copied, "made-up") as running:
        group = running.process.pid
        raise ZeroDivisionError
    assert group
    assert processes_of(group) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_the_command_is_stopped(
    copied: Artifacts, number: signal.Signals
) -> None:
    """Ctrl-C and SIGTERM stop everything with status 0; even SIGKILL leaves no process behind."""
    code = f"""
import logging, sys
from pathlib import Path
from ensemble.triton.server import serve
from stages.artifacts import Artifacts
logging.basicConfig(stream=sys.stdout, format="%(message)s")
logging.getLogger("shortlist").setLevel("INFO")
serve(Artifacts(Path({str(copied.root)!r})), "made-up")
"""
    command = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    try:
        assert command.stdout is not None
        lines = [command.stdout.readline() for _ in range(6)]
        assert lines[0].startswith("ready after")
        address = read_address(copied)
        assert address is not None
        assert processes_of(address.pid)
        command.send_signal(number)
        command.wait(30)
        assert _eventually(lambda: processes_of(address.pid) == [])
        if number != signal.SIGKILL:
            assert command.returncode == 0
            assert not copied.server_address.exists()
        assert read_address(copied) is None
    finally:
        command.kill()
        command.wait()


def test_a_server_that_dies_is_reported_with_its_log(copied: Artifacts) -> None:
    """If Triton is killed from outside, waiting for it raises an error that names the log."""
    with running_server(copied, "made-up") as running:
        running.process.kill()
        with pytest.raises(ShortlistError, match=r"got exit status -9.*server\.log"):
            running.wait()


def test_a_busy_port_is_named(copied: Artifacts) -> None:
    """A busy port fails at once, and the error names the option that chooses another."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(ShortlistError, match=rf"port {port}.*--grpc-port"),
            running_server(copied, "made-up", grpc_port=port),
        ):
            pass


def test_without_a_release_the_command_is_named(tmp_path: Path) -> None:
    """Without an export, the error names the command to run."""
    with (
        pytest.raises(ShortlistError, match="shortlist export made-up"),
        running_server(Artifacts(tmp_path), "made-up"),
    ):
        pass


def test_a_damaged_release_is_refused_and_its_file_named(copied: Artifacts) -> None:
    """With one flipped bit in a model, Triton does not start, and the message names the file."""
    path = copied.model_repository / "recommender" / "1" / "ranker.onnx"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with (
        pytest.raises(ShortlistError, match=r"ranker\.onnx with SHA-256 .*, got a damaged file"),
        running_server(copied, "made-up"),
    ):
        pass
    assert read_address(copied) is None


def test_the_newest_release_is_served(copied: Artifacts) -> None:
    """Of two versions, Triton loads only the newer one."""
    first = copied.model_repository / "recommender" / "1"
    shutil.copytree(first, first.with_name("2"))
    (first / "plan.json").unlink()  # the first could not even load
    with running_server(copied, "made-up") as running, Client(running.address.grpc) as client:
        assert client.recommend(["1"]).known_user.tolist() == [True]


def test_a_tritonserver_on_the_path_is_used(
    copied: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If `tritonserver` is on the PATH, as in NVIDIA's container, that one runs."""
    triton = find_triton(tmp_path)
    command = tmp_path / "bin" / "tritonserver"
    command.parent.mkdir()
    libraries = triton.environment["LD_LIBRARY_PATH"]
    words = " ".join(triton.command)
    command.write_text(
        f'#!/bin/sh\necho "from the path"\nLD_LIBRARY_PATH={libraries} exec {words} "$@"\n'
    )
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    with running_server(copied, "made-up") as running, Client(running.address.grpc) as client:
        assert client.recommend(["1"]).known_user.tolist() == [True]
    assert "from the path" in copied.server_log.read_text()


def test_the_cause_is_found_in_a_log(tmp_path: Path) -> None:
    """A failed model's message is quoted, else the last complaint, else the last line."""
    log = tmp_path / "server.log"
    log.write_text("I1122 fine\nE1122 first\nerror: creating server: no\n")
    assert cause(log) == "error: creating server: no"
    log.write_text(
        "E1 x.cc:1] \"failed to load 'recommender' version 3: Internal: "
        'ReleaseError: a is damaged\\n\\nAt:\\n  b"\nerror: creating server\n'
    )
    assert cause(log) == "ReleaseError: a is damaged"
    log.write_text("just talk\nand more\n")
    assert cause(log) == "and more"
    log.write_text("")
    assert cause(log) == "an empty log"
