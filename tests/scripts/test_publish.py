"""The commands ``shortlist publish``, ``rollback`` and ``releases``."""

import json
import shutil
from pathlib import Path

import pytest

from scripts import cli
from tests.ensemble.several_releases import write_three_releases
from tests.ensemble.synthetic import TOML


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe file and artifacts with three releases."""
    root = tmp_path_factory.mktemp("publish")
    (root / "made-up.toml").write_text(TOML, encoding="utf-8")
    write_three_releases(root / "made-up")
    return root


@pytest.fixture
def recipe(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The recipe's path, with a copy of its artifacts for each test."""
    copied = shutil.copytree(root, tmp_path / "copied")
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", str(copied))
    return str(copied / "made-up.toml")


def test_publish_roll_back_and_look(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Comparison and result are logged as plain lines, and listed as a table and as JSON."""
    assert cli.main(["publish", recipe, "--release", "2"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        "release 2: ndcg@10 0.5100, against 0.5000 in the served release",
        "release 2: every file is intact, and it answers 9 users",
        f"release 2 will be served by the next `shortlist serve {recipe}`: no server of this recipe "
        "is running here",
    ]
    assert cli.main(["publish", recipe]) == 1
    assert "release 3 is served" not in capsys.readouterr().err
    assert cli.main(["publish", recipe, "--margin", "0.3"]) == 0
    assert cli.main(["rollback", recipe]) == 0
    capsys.readouterr()
    assert cli.main(["releases", recipe, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(each["release"], each["served"]) for each in listed] == [
        (1, False),
        (2, True),
        (3, False),
    ]
    assert cli.main(["releases", recipe, "--check"]) == 0
    table = capsys.readouterr().out
    assert "ndcg@10 0.5100" in table
    assert "intact" in table


@pytest.mark.parametrize(
    ("options", "status", "complaint"),
    [
        (["publish", "--margin", "-1"], 2, "at least 0, got '-1'"),
        (["publish", "--margin", "much"], 2, "a number of at least 0, got 'much'"),
        (["publish", "--release", "0"], 2, "at least 1, got '0'"),
        (["publish", "--release", "8"], 1, "one of 1, 2, 3, got 8"),
        (["rollback"], 1, "served before release 1"),
    ],
)
def test_what_cannot_be_done_is_said(
    recipe: str,
    options: list[str],
    status: int,
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The message has the expected and the given value."""
    command, *rest = options
    try:
        ended = cli.main([command, recipe, *rest])
    except SystemExit as error:
        ended = int(error.code or 0)
    assert ended == status
    assert complaint in capsys.readouterr().err
