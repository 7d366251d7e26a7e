"""The command ``shortlist batch``."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ensemble.releases.export import export
from scripts import cli
from tests.ensemble.synthetic import RECIPE, TOML, write_artifacts


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe file and its exported artifacts."""
    root = tmp_path_factory.mktemp("batch")
    (root / "made-up.toml").write_text(TOML, encoding="utf-8")
    export(RECIPE, write_artifacts(root / "made-up"), force=False)
    return root


@pytest.fixture
def there(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a file of three users."""
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", str(root))
    monkeypatch.chdir(tmp_path)
    Path("users.txt").write_text("1\nnobody\n2\n", encoding="utf-8")
    return root / "made-up.toml"


def test_a_file_of_users_becomes_a_file_of_answers(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the options that --help lists; the last line reports count, speed and path."""
    typed = ["batch", str(there), "--users", "users.txt", "--workers", "1"]
    assert cli.main([*typed, "--out", "out.jsonl"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("3 users in ")
    assert printed.out.endswith("per second): out.jsonl\n")
    lines = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [line["user_id"] for line in lines] == ["1", "nobody", "2"]
    assert [len(line["recommendations"]) for line in lines] == [5, 5, 5]
    assert cli.main([*typed, "--out", "out.parquet", "--top", "7"]) == 0
    assert [len(row) for row in pq.read_table("out.parquet")["item_ids"].to_pylist()] == [7, 7, 7]


@pytest.mark.parametrize(
    ("options", "status", "complaint"),
    [
        (["--out", "out.jsonl"], 2, "required: --users"),
        (["--users", "users.txt"], 2, "required: --out"),
        (["--users", "users.txt", "--out", "o.jsonl", "--workers", "0"], 2, "at least 1, got"),
        (["--users", "users.txt", "--out", "o.jsonl", "--top", "0"], 2, "at least 1, got"),
        (["--users", "users.txt", "--out", "o.jsonl", "--top", "51"], 1, "--top of at most 50"),
        (["--users", "user.txt", "--out", "o.jsonl"], 1, "expected a file at user.txt, found none"),
        (["--users", "users.txt", "--out", "o.txt"], 1, "--out to end in .jsonl or .parquet"),
    ],
)
def test_what_cannot_be_meant_is_explained(
    there: Path,
    options: list[str],
    status: int,
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One message on standard error, and no output file."""
    try:
        ended = cli.main(["batch", str(there), *options])
    except SystemExit as error:
        ended = int(error.code or 0)
    assert ended == status
    assert complaint in capsys.readouterr().err
    assert os.listdir() == ["users.txt"]


def test_ctrl_c_stops_every_process_and_keeps_what_is_done(there: Path) -> None:
    """The terminal interrupts all of them at once; one line reports it, without a traceback."""
    Path("users.txt").write_text("1\n" * 3_000_000, encoding="utf-8")
    command = [sys.executable, "-m", "scripts.cli", "batch", str(there), "--workers", "2"]
    running = subprocess.Popen(
        [*command, "--users", "users.txt", "--out", "out.jsonl"],
        env={**os.environ, "PYTHONPATH": str(Path(cli.__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while running.poll() is None and not list(Path().glob("out.jsonl.parts/0*.jsonl")):
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGINT)
    _, errors = running.communicate(timeout=120)
    assert running.returncode == 130
    assert errors == "\nshortlist: interrupted\n"
    assert sorted(os.listdir()) == ["out.jsonl.parts", "users.txt"]
