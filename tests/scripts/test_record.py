"""The command ``shortlist record``, with options, files and pipes."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runtime.errors import StoreError
from runtime.stores.feature_store import UserRecord
from runtime.stores.sqlite_store import SqliteFeatureStore
from scripts import cli

TOML = """
name = "shop"
source = { kind = "parquet", interactions = "interactions.parquet" }
columns = { user = "user_id", item = "item_id" }
split = { kind = "random" }
"""


@pytest.fixture
def recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A recipe in an empty folder: events can be recorded before any export."""
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", "artifacts")
    monkeypatch.chdir(tmp_path)
    Path("shop.toml").write_text(TOML, encoding="utf-8")
    return "./shop.toml"


def _record(user: str) -> UserRecord | None:
    store = SqliteFeatureStore(Path("artifacts/shop/feature_store.sqlite"), read_only=True)
    (record,) = store.get_many([user])
    store.close()
    return record


def _interactions(user: str) -> list[str]:
    record = _record(user)
    return list(record.interactions) if record else []


def test_one_event(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Recorded once by its id; an explicit time determines its position."""
    typed = ["record", recipe, "--user", "7", "--item"]
    assert cli.main([*typed, "a", "--event", "bought", "--event-id", "order 1"]) == 0
    assert cli.main([*typed, "a", "--event", "bought", "--event-id", "order 1"]) == 0
    assert cli.main([*typed, "b", "--time", "5"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["recorded", "already recorded: it counts once", "recorded"]
    assert _interactions("7") == ["b", "a"]


def test_a_file_of_events_counts_once(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Blank lines, a byte order mark and integer ids are valid; a second run adds nothing."""
    lines = [
        '{"user_id": 7, "item_id": "late", "time": 9.5}',
        "",
        '{"user_id": "7", "item_id": "early", "time": 3, "event": "bought", "event_id": null}',
        '{"user_id": "8", "item_id": 50, "event_id": 1}\r',
    ]
    Path("events.jsonl").write_text("\ufeff" + "\n".join(lines), encoding="utf-8")
    for new in (3, 0):
        assert cli.main(["record", recipe, "--file", "events.jsonl"]) == 0
        printed = capsys.readouterr().out
        assert printed.startswith(f"3 events, {new} of them new, in ")
        assert printed.endswith(" per second)\n")
    assert _interactions("7") == ["early", "late"]
    assert _interactions("8") == ["50"]


def _interactions_so_far(user: str) -> list[str]:
    try:
        return _interactions(user)
    except StoreError:
        return []  # the store does not exist yet


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("{", "expected a JSON object in UTF-8, got '{'"),
        ("[1]", "expected a JSON object, got '[1]'"),
        ('{"item_id": "a"}', "expected user_id to be text or a whole number, got none"),
        (
            '{"user_id": "", "item_id": "a"}',
            "expected user_id to be text or a whole number, got ''",
        ),
        ('{"user_id": 1.5, "item_id": "a"}', "to be text or a whole number, got 1.5"),
        ('{"user_id": true, "item_id": "a"}', "to be text or a whole number, got True"),
        ('{"user_id": "7", "item_id": "a", "time": "now"}', "Unix seconds, got 'now'"),
        ('{"user_id": "7", "item_id": "a", "time": NaN}', "Unix seconds, got nan"),
        ('{"user_id": "7", "item_id": "a", "event": 3}', "expected event to be a name, got 3"),
        ('{"user_id": "7", "item": "a"}', "got 'item' (did you mean 'item_id'?)"),
        ("\udcff", "expected a JSON object in UTF-8"),
    ],
)
def test_a_wrong_line_is_named_and_those_before_it_count(
    recipe: str, line: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message has line, expected and actual value; a corrected file run again counts once."""
    right = '{"user_id": "7", "item_id": "%s", "time": %d}'
    lines = [right % ("a", 1), right % ("b", 2), line, right % ("c", 3)]
    Path("events.jsonl").write_bytes("\n".join(lines).encode(errors="surrogateescape"))
    assert cli.main(["record", recipe, "--file", "events.jsonl"]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("2 events, 2 of them new")
    assert "line 3: " in printed.err
    assert complaint in printed.err
    assert "The events before it are recorded" in printed.err
    assert _interactions("7") == ["a", "b"]
    Path("events.jsonl").write_text("\n".join([*lines[:2], lines[3]]), encoding="utf-8")
    assert cli.main(["record", recipe, "--file", "events.jsonl"]) == 0
    assert capsys.readouterr().out.startswith("3 events, 1 of them new")
    assert _interactions("7") == ["a", "b", "c"]


def test_events_of_a_pipe_are_recorded_as_they_come(recipe: str) -> None:
    """Events that a running program has written so far count while its pipe is open."""
    command = [sys.executable, "-m", "scripts.cli", "record", recipe, "--file", "-"]
    environment = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[1])}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as running:
        assert running.stdin is not None
        running.stdin.write(b'{"user_id": "7", "item_id": "a", "time": 1}\n{"user_id": "7", "it')
        running.stdin.flush()
        deadline = time.monotonic() + 30
        while (found := _interactions_so_far("7")) == []:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert found == ["a"]
        running.stdin.write(b'em_id": "b", "time": 2}')
        running.stdin.close()
        assert running.wait(30) == 0
    assert _interactions("7") == ["a", "b"]


def test_the_recipe_says_how_many_are_kept(recipe: str) -> None:
    """`serving.interactions_kept` limits the interactions recorded per user."""
    with Path("shop.toml").open("a", encoding="utf-8") as file:
        file.write("serving = { interactions_kept = 2 }\n")
    events = [{"user_id": "7", "item_id": str(n), "time": n} for n in range(9)]
    Path("events.jsonl").write_text("\n".join(map(json.dumps, events)), encoding="utf-8")
    assert cli.main(["record", recipe, "--file", "events.jsonl"]) == 0
    assert _interactions("7")[-2:] == ["7", "8"]
    assert len(_interactions("7")) == 2


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "expected --user ID and --item ID, or --file FILE"),
        (["--user", "7"], "expected --user ID and --item ID, or --file FILE"),
        (["--user", "7", "--item", "a", "--file", "-"], "or --file FILE"),
        (["--file", "event.jsonl"], "expected a file at event.jsonl, found none"),
    ],
)
def test_what_cannot_be_meant_is_explained(
    recipe: str, options: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """One message, and nothing is recorded."""
    assert cli.main(["record", recipe, *options]) == 1
    assert complaint in capsys.readouterr().err
    assert not Path("artifacts/shop/feature_store.sqlite").exists()
