"""The command line: fast help and clear errors."""

import errno
import json
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path
from types import ModuleType

import pytest

from scripts import cli
from stages.errors import ShortlistError

#: Packages that are too slow to import for ``--help``.
HEAVY = (
    "tensorflow", "nvtabular", "merlin", "pandas", "dask", "pyarrow", "numpy", "pydantic", "rich",
    "requests", "polars", "scipy",
)  # fmt: skip


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A command ``try`` whose ``run`` each test replaces."""
    module = ModuleType("scripts.pipeline.try", "Try it.")
    vars(module)["add_arguments"] = lambda parser: None
    monkeypatch.setitem(sys.modules, "scripts.pipeline.try", module)
    monkeypatch.setitem(cli.COMMANDS, "try", ("pipeline", "try it"))
    return module


@pytest.mark.parametrize("name", ["", *cli.COMMANDS])
def test_help_answers_at_once_and_with_an_example(name: str) -> None:
    """Every --help takes well under a second, imports nothing heavy, and shows an example."""
    program = (
        "import json, sys\n"
        "from scripts.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "finally:\n"
        "    loaded = sorted({name.split('.')[0] for name in sys.modules})\n"
        "    print(json.dumps(loaded), file=sys.stderr)\n"
    )
    arguments = [name, "--help"] if name else ["--help"]
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False
    )
    took = time.monotonic() - began
    assert ended.returncode == 0, ended.stderr
    assert f"shortlist {name}".rstrip() in ended.stdout
    if name:
        assert f"  shortlist {name}" in ended.stdout, "an example"
    assert set(json.loads(ended.stderr)).isdisjoint(HEAVY)
    assert took < 1.0


def test_the_console_command_is_installed() -> None:
    """`make install` installs the command `shortlist` into the environment."""
    shortlist = Path(sys.executable).with_name("shortlist")
    ended = subprocess.run([shortlist, "--help"], capture_output=True, text=True, check=True)
    for name in cli.COMMANDS:
        assert f"    {name}" in ended.stdout


def test_a_message_for_people_goes_to_stderr_with_status_1(
    command: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    """An error that the user can fix is one line without a traceback."""

    def run(arguments: Namespace) -> None:
        raise ShortlistError("the pan is empty: fill it")

    vars(command)["run"] = run
    assert cli.main(["try"]) == 1
    assert capsys.readouterr() == ("", "shortlist: the pan is empty: fill it\n")


def test_a_full_disk_is_a_message(command: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """A full disk that no stage has caught is reported with the file."""

    def run(arguments: Namespace) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/data/table")

    vars(command)["run"] = run
    assert cli.main(["try"]) == 1
    assert capsys.readouterr().err == "shortlist: No space left on device: /data/table\n"


def test_other_errors_keep_their_traceback(command: ModuleType) -> None:
    """A bug looks like one."""

    def run(arguments: Namespace) -> None:
        raise FileNotFoundError(errno.ENOENT, "No such file", "x")

    vars(command)["run"] = run
    with pytest.raises(FileNotFoundError):
        cli.main(["try"])


def test_ctrl_c_ends_with_130(command: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """An interrupted command reports it and exits with the status that shells expect."""

    def run(arguments: Namespace) -> None:
        raise KeyboardInterrupt

    vars(command)["run"] = run
    assert cli.main(["try"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_command_may_give_its_own_status(command: ModuleType) -> None:
    """None counts as success; a number is passed on."""
    vars(command)["run"] = lambda arguments: None
    assert cli.main(["try"]) == 0
    vars(command)["run"] = lambda arguments: 3
    assert cli.main(["try"]) == 3


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "required: COMMAND"),
        (["prepaer"], "invalid choice: 'prepaer'"),
        (["prepare"], "required: RECIPE"),
        (["prepare", "x", "--workers", "0"], "expected a whole number of at least 1, got '0'"),
        (["prepare", "x", "--workers", "2", "--scheduler", "tcp://a:1"], "not allowed with"),
        (
            ["recommend", "x", "--user", "1", "--top", "ten"],
            "a whole number of at least 1, got 'ten'",
        ),
        (["recommend", "x", "--user", "1", "--protocol", "ftp"], "invalid choice: 'ftp'"),
        (["serve", "x", "--http-port", "70000"], "from 1 to 65535, got '70000'"),
    ],
)
def test_a_wrong_command_line_is_explained(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Invalid arguments are rejected before any work, with status 2."""
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["train", "movielens-100k"], "shortlist prepare movielens-100k"),
        (["evaluate", "movielens-100k"], "shortlist prepare movielens-100k"),
        (["export", "movielens-100k"], "shortlist prepare movielens-100k"),
        (["serve", "movielens-100k"], "shortlist export movielens-100k"),
        (["recommend", "movielens-100k", "--user", "1"], "shortlist serve movielens-100k"),
        (["tune", "songs"], "shortlist prepare songs"),
        (
            ["batch", "movielens-100k", "--users", "u.txt", "--out", "o.jsonl"],
            "shortlist export movielens-100k",
        ),
    ],
)
def test_a_step_without_its_input_names_the_command_that_makes_it(
    arguments: list[str],
    remedy: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The error names the command to start with."""
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", str(tmp_path))
    assert cli.main(arguments) == 1
    assert remedy in capsys.readouterr().err


def test_an_unknown_recipe_is_told_by_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Every command reads the recipe before it does anything else."""
    required = {"recommend": ["--user", "1"], "batch": ["--users", "u.txt", "--out", "o.jsonl"]}
    for name in set(cli.COMMANDS) - {"doctor", "demo", "init"}:
        words = ["features", "load"] if name == "features" else [name]
        assert cli.main([*words, "movielens-100", *required.get(name, [])]) == 1
        assert "did you mean 'movielens-100k'?" in capsys.readouterr().err


def test_recommend_wants_a_user_or_an_item(capsys: pytest.CaptureFixture[str]) -> None:
    """With neither there is nothing to request; the message names both."""
    assert cli.main(["recommend", "movielens-100k"]) == 1
    assert "expected --user ID, or --similar-to ID" in capsys.readouterr().err
