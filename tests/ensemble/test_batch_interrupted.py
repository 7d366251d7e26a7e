"""A kill or a full disk while a file of users is answered, and how the next run resumes."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ensemble import batch
from ensemble.batch import recommend_all
from ensemble.releases.export import export
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.ensemble.synthetic import RECIPE, USERS

#: Users per part, and items per user: a part has about 60 kB, all of them 240 kB.
CHUNK, TOP = 20, 50

SCRIPT = f"""
import os, resource, signal, sys
from pathlib import Path
from ensemble import batch
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.ensemble.synthetic import RECIPE

def progress(count):
    if kill:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    artifacts, users, out = map(Path, sys.argv[1:4])
    kill, largest_file = sys.argv[4] == "kill", int(sys.argv[5])
    batch.CHUNK = {CHUNK}
    if largest_file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    try:
        batch.recommend_all(RECIPE, Artifacts(artifacts), users, out, {TOP}, 2, progress)
    except ShortlistError as error:
        sys.exit(str(error))
"""


@pytest.fixture(scope="module", autouse=True)
def _small_chunks() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "CHUNK", CHUNK)
        yield


def everybody(folder: Path) -> Path:
    path = folder / "users.txt"
    path.write_text("".join(f"{user}\n" for user in range(1, USERS + 1)), encoding="utf-8")
    return path


@pytest.fixture
def users(tmp_path: Path) -> Path:
    return everybody(tmp_path)


def recommend(artifacts: Artifacts, users: Path, out: Path, top: int = TOP) -> int:
    return recommend_all(RECIPE, artifacts, users, out, top, 1, lambda count: None)


@pytest.fixture(scope="module")
def unbroken(
    artifacts: Artifacts, release: Path, tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    """The output of a run without an interruption."""
    folder = tmp_path_factory.mktemp("unbroken")
    recommend(artifacts, everybody(folder), folder / "out.jsonl")
    return (folder / "out.jsonl").read_bytes()


def broken_off(
    artifacts: Artifacts, users: Path, out: Path, kill: bool = False, largest_file: int = 0
) -> subprocess.CompletedProcess[str]:
    """The same in a separate process, which ends when its workers do: they hold its output."""
    script = out.with_name("script.py")
    script.write_text(SCRIPT, encoding="utf-8")
    arguments = ["kill" if kill else "", str(largest_file)]
    return subprocess.run(
        [sys.executable, script, artifacts.root, users, out, *arguments],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def parts_of(out: Path) -> Path:
    return out.with_name(f"{out.name}.parts")


def test_a_killed_run_goes_on_to_the_same_end(
    artifacts: Artifacts, users: Path, unbroken: bytes
) -> None:
    """kill -9 midway leaves no file and no process; the next run gives what an unbroken one does."""
    out = users.with_name("out.jsonl")
    assert broken_off(artifacts, users, out, kill=True).returncode == -signal.SIGKILL
    assert not out.exists()
    assert 1 <= len(list(parts_of(out).glob("0*.jsonl"))) < USERS / CHUNK
    (parts_of(out) / "joined.1").write_text("half a fi")  # as a kill at the very end leaves it
    assert recommend(artifacts, users, out) == USERS
    assert out.read_bytes() == unbroken
    assert not parts_of(out).exists()


def test_only_the_same_question_goes_on(
    artifacts: Artifacts,
    release: Path,
    users: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same question reuses the parts; other users or another release start over."""
    made = Artifacts(Path(shutil.copytree(artifacts.root, tmp_path / "made-up")))
    out = tmp_path / "out.jsonl"
    out.mkdir()  # makes the last step of every run fail, which keeps the parts
    first = parts_of(out) / "00000000.jsonl"

    asked = {"top": TOP}

    def kept() -> bool:
        """Whether a run leaves the first part's content as it was."""
        with pytest.raises(ShortlistError, match=r"expected to write .*run the same command again"):
            recommend(made, users, out, **asked)
        same = first.read_text() == "kept"
        first.write_text("kept")
        return same

    assert [kept(), kept()] == [False, True]
    for change in (
        lambda: asked.update(top=3),
        lambda: users.write_text("1\n2\n"),
        lambda: export(RECIPE, made, force=True),
        lambda: monkeypatch.setattr(batch, "CHUNK", 30),
    ):
        change()
        assert [kept(), kept()] == [False, True]


@pytest.mark.parametrize(("largest_file", "parts"), [(45_000, 0), (150_000, 4)])
def test_a_full_disk_is_explained_and_costs_nothing_that_was_done(
    artifacts: Artifacts,
    users: Path,
    unbroken: bytes,
    largest_file: int,
    parts: int,
) -> None:
    """If the first part or the joined file cannot grow, the error explains what to do."""
    out = users.with_name("out.jsonl")
    done = broken_off(artifacts, users, out, largest_file=largest_file)
    assert done.returncode == 1
    assert f"expected to write {out}, got: " in done.stderr
    assert "File too large" in done.stderr
    assert "run the same command again to resume" in done.stderr
    assert not out.exists()
    assert len(list(parts_of(out).glob("*.jsonl"))) == parts
    assert not list(parts_of(out).glob(".*"))
    assert recommend(artifacts, users, out) == USERS
    assert out.read_bytes() == unbroken


def test_a_place_that_cannot_be_written_is_explained(
    artifacts: Artifacts, release: Path, users: Path
) -> None:
    """A file is in the place of a folder."""
    with pytest.raises(ShortlistError, match=r"expected to write .*users.txt/out.jsonl, got: "):
        recommend(artifacts, users, users / "out.jsonl")
