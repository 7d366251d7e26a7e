"""The README's made-up shop goes through every command, as a newcomer would type them."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from evaluation.report import read_report
from scripts import cli
from stages.artifacts import Artifacts
from tests.readme_shop import write_shop
from tests.working_directory import working_in

RECIPE = "./shop.toml"
STEPS = ("prepare", "train", "evaluate", "export")
SHORTLIST = Path(sys.executable).with_name("shortlist")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The working directory, with recipe and tables."""
    folder = tmp_path_factory.mktemp("shop")
    write_shop(folder)
    with working_in(folder):
        yield folder


@pytest.fixture(scope="module")
def said(folder: Path) -> dict[str, str]:
    """What each command up to the export printed."""
    printed = {}
    for step in STEPS:
        with StringIO() as output, redirect_stdout(output), redirect_stderr(output):
            assert cli.main([step, RECIPE]) == 0, step
            printed[step] = output.getvalue()
    return printed


@pytest.fixture(scope="module")
def served(folder: Path, said: dict[str, str]) -> Iterator[None]:
    """``shortlist serve`` in another process, as in another terminal; Ctrl-C ends it."""
    with subprocess.Popen(
        [SHORTLIST, "serve", RECIPE], cwd=folder, stderr=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stderr is not None
            assert any("Ctrl-C" in line for line in server.stderr)
            yield
        finally:
            server.send_signal(signal.SIGINT)
            assert server.wait(30) == 0


@pytest.fixture(params=["grpc", "http"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ask(capsys: pytest.CaptureFixture[str], protocol: str, *words: str) -> list[dict[str, Any]]:
    """The JSON that ``shortlist recommend`` prints."""
    capsys.readouterr()
    assert cli.main(["recommend", RECIPE, "--protocol", protocol, "--json", *words]) == 0
    answers: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return answers


def test_every_command_says_what_it_did(said: dict[str, str]) -> None:
    """They print the counts, the training's progress, the figures and where the release is."""
    assert "192 interactions, 40 users, 12 items" in said["prepare"]
    assert "retriever epoch 1: loss" in said["train"]
    assert "popularity" in said["evaluate"]
    assert "release 1: 12 items" in said["export"]


def test_even_a_shop_this_small_is_learnt(said: dict[str, str]) -> None:
    """Odd customers buy odd products: the funnel sees it, popularity cannot."""
    systems = read_report(Artifacts.of("shop").report)["systems"]
    assert systems["funnel"]["ndcg@10"] > systems["popularity"]["ndcg@10"]


@pytest.mark.usefixtures("served")
def test_users_get_titled_items_that_they_have_not_bought(
    capsys: pytest.CaptureFixture[str], protocol: str
) -> None:
    """Raw ids with titles, scores descending, nothing from the training part."""
    answers = ask(capsys, protocol, "--user", "0", "--user", "1", "--top", "5")
    prepared = Artifacts.of("shop").prepared
    bought = [
        row
        for part in ("train", "valid")
        for row in pq.read_table(prepared.raw_interactions(part)).to_pylist()
    ]
    for user, answer in enumerate(answers):
        assert answer["user_id"] == str(user)
        assert answer["known_user"] is True
        found = answer["recommendations"]
        assert len(found) == 5
        assert all(item["title"] == f"Product {item['item_id'][1:]}" for item in found)
        scores = [item["score"] for item in found]
        assert scores == sorted(scores, reverse=True)
        seen = {row["product"] for row in bought if row["customer"] == user}
        assert seen
        assert not seen & {item["item_id"] for item in found}


@pytest.mark.usefixtures("served")
def test_where_few_items_remain_there_are_no_more_than_those(
    capsys: pytest.CaptureFixture[str], protocol: str
) -> None:
    """Asked for more than the catalogue holds, everybody gets what they have not bought yet."""
    known, unknown = ask(capsys, protocol, "--user", "3", "--user", "nobody", "--top", "100")
    assert 0 < len(known["recommendations"]) < 12
    assert len(unknown["recommendations"]) == 12


@pytest.mark.usefixtures("served")
def test_an_unknown_user_is_answered_and_marked(
    capsys: pytest.CaptureFixture[str], protocol: str
) -> None:
    """Ids that no customer has, in any spelling, get the answer for an unknown user."""
    words = [word for user in ("4000", "nobody", "", "ψ") for word in ("--user", user)]
    answers = ask(capsys, protocol, *words)
    assert [answer["known_user"] for answer in answers] == [False] * 4
    assert len(answers[0]["recommendations"]) == 10
    assert all(answer["recommendations"] == answers[0]["recommendations"] for answer in answers)


@pytest.mark.usefixtures("served")
def test_both_protocols_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """The same request gets the same answer over either protocol."""
    words = [word for user in range(40) for word in ("--user", str(user))]
    assert ask(capsys, "grpc", *words) == ask(capsys, "http", *words)


@pytest.mark.parametrize(
    ("command", "remedy"),
    [
        (["train"], "shortlist prepare"),
        (["serve"], "shortlist export"),
        (["recommend", "--user", "1"], "shortlist serve"),
    ],
)
def test_a_step_too_early_names_the_command_to_copy(
    command: list[str],
    remedy: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The remedy names the recipe as it was typed, ready to paste."""
    write_shop(tmp_path)
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", str(tmp_path / "artifacts"))
    path = str(tmp_path / "shop.toml")
    assert cli.main([command[0], path, *command[1:]]) == 1
    assert f"{remedy} {path}" in capsys.readouterr().err
