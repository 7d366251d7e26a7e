"""The commands ``shortlist features`` and ``shortlist items``."""

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemble.feature_store.choice import opened_store
from ensemble.releases.export import export
from scripts import cli
from stages.artifacts import Artifacts
from tests.ensemble.synthetic import RECIPE, write_artifacts

TOML = """
name = "made-up"
source = { kind = "parquet", interactions = "interactions.parquet" }
columns = { user = "user_id", item = "item_id", timestamp = "time" }
split = { kind = "random" }

[interactions]
history_length = 6

[features.user]
age = { kind = "bucket", boundaries = [18, 30, 50] }
gender = { kind = "categorical" }
income = { kind = "numeric", fill = 1.0 }
tags = { kind = "categorical", list = true }
group = { kind = "combined", of = ["age", "gender"] }
"""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("features")
    export(RECIPE, write_artifacts(root / "made-up"), force=False)
    return root


@pytest.fixture
def recipe(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A recipe file, and a copy of its artifacts with a filled feature store."""
    shutil.copytree(exported, tmp_path / "artifacts")
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", "artifacts")
    monkeypatch.chdir(tmp_path)
    Path("made-up.toml").write_text(TOML, encoding="utf-8")
    return "./made-up.toml"


def _get(recipe: str, user: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    capsys.readouterr()
    assert cli.main(["features", "get", recipe, "--user", user, "--json"]) == 0
    shown: dict[str, Any] = json.loads(capsys.readouterr().out)
    return shown


def test_set_changes_what_is_named(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers, text and null; other features and all interactions stay, recorded ones included."""
    assert cli.main(["record", recipe, "--user", "7", "--item", "50"]) == 0
    before = _get(recipe, "7", capsys)
    assert (before["recorded"], before["interactions"][-1]) == (1, "50")
    assert cli.main(["features", "set", recipe, "--user", "7", "age=44", "gender=null"]) == 0
    assert capsys.readouterr().out == "user 7: set age, gender\n"
    after = _get(recipe, "7", capsys)
    assert after == before | {"features": before["features"] | {"age": 44, "gender": None}}


def test_set_makes_a_user(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown user is known from now on."""
    assert cli.main(["features", "get", recipe, "--user", "new"]) == 1
    assert "expected a user in the feature store, got 'new'" in capsys.readouterr().err
    typed = ["features", "set", recipe, "--user", "new", "gender=F", 'tags=["a", 3]']
    assert cli.main(typed) == 0
    features = {"gender": "F", "tags": ["a", 3]}
    nothing = {"interactions": [], "recorded": 0, "earlier": 0}
    expected = {"user_id": "new", "features": features, **nothing}
    assert _get(recipe, "new", capsys) == expected
    assert cli.main(["features", "get", recipe, "--user", "new"]) == 0
    assert '["a", 3]' in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("agee=3", "(age, gender, income, tags), got 'agee' (did you mean 'age'?)"),
        ("group=3", "(age, gender, income, tags), got 'group'"),
        ("age=old", "expected a number for age, got 'old'"),
        ("age=1e999", "expected a finite number of at most 3.4e38 for age, got inf"),
        ("income=-1e300", "expected a finite number of at most 3.4e38 for income, got -1e+300"),
        ('tags=["a", 1e999]', "expected a finite number of at most 3.4e38 for tags"),
        ("income=true", "expected a number for income, got True"),
        ("gender=[1]", "expected text or a number for gender, got [1]"),
        ("tags=a", "expected a list of text or numbers for tags, got 'a'"),
        ("gender", "expected NAME=VALUE, got 'gender'"),
        ("=3", "expected NAME=VALUE, got '=3'"),
    ],
)
def test_what_no_user_can_have_is_refused(
    recipe: str, value: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message has the name or the expected type, and nothing changes."""
    before = _get(recipe, "7", capsys)
    assert cli.main(["features", "set", recipe, "--user", "7", "income=1", value]) == 1
    assert complaint in capsys.readouterr().err
    assert _get(recipe, "7", capsys) == before


def test_features_come_out_of_a_file(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A column of Parquet or a field of JSON changes for the users in the file."""
    before = _get(recipe, "7", capsys)
    table = pa.table({"user_id": [7, 800], "income": [2.5, float("nan")]})
    pq.write_table(table, "users.parquet")
    assert cli.main(["features", "load", recipe, "--file", "users.parquet"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("stored features of 2 users in ")
    assert printed.endswith("feature_store.sqlite\n")
    expected = before | {"features": before["features"] | {"income": 2.5}}
    assert _get(recipe, "7", capsys) == expected
    assert _get(recipe, "800", capsys)["features"] == {"income": None}
    odd = {"income": pa.array([Decimal("2.50")], pa.decimal128(9, 2)), "age": np.array([3], "f2")}
    pq.write_table(pa.table({"user_id": [7]} | odd), "users.parquet")
    assert cli.main(["features", "load", recipe, "--file", "users.parquet"]) == 0
    assert _get(recipe, "7", capsys)["features"] == expected["features"] | {"age": 3.0}
    lines = ['{"user_id": "7", "age": 1}', "", '{"user_id": 7, "age": 2, "tags": ["a"]}']
    Path("users.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert cli.main(["features", "load", recipe, "--file", "users.jsonl"]) == 0
    assert _get(recipe, "7", capsys)["features"] == expected["features"] | {"age": 2, "tags": ["a"]}


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        (
            "u.jsonl",
            b'{"user_id": "7", "age": 1}\n\n{"age": 2}',
            "u.jsonl, line 3: expected user_id",
        ),
        ("u.jsonl", b'{"user_id": "7", "age": 1}\n{"user_id": "8", "aeg": 2}', "mean 'age'"),
        ("u.jsonl", b'{"user_id": "7", "age": 1}\n{', "u.jsonl, line 2: expected a JSON object"),
        ("u.jsonl", b'{"user_id": "7", "age": "x"}', "line 1: expected a number for age, got 'x'"),
        ("u.jsonl", b'{"user_id": "7", "age": 1e999}', "line 1: expected a finite number of"),
        ("u.parquet", b"no Parquet", "expected to read u.parquet, got: "),
        ("u.csv", b"", "ends in .jsonl or .parquet, got u.csv"),
        ("u.jsonl", None, "expected a file at u.jsonl, found none"),
    ],
)
def test_a_wrong_file_changes_nothing(
    recipe: str,
    name: str,
    content: bytes | None,
    complaint: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The message has the position in the file; users before it keep their features."""
    before = _get(recipe, "7", capsys)
    if content is not None:
        Path(name).write_bytes(content)
    assert cli.main(["features", "load", recipe, "--file", name]) == 1
    assert complaint in capsys.readouterr().err
    assert _get(recipe, "7", capsys) == before


def test_load_fills_the_store_from_the_recipes_data(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `export` does: records that are loaded are kept, a lost store is filled again."""
    of_the_release = TOML.replace("tags = ", "# tags = ")
    Path("made-up.toml").write_text(of_the_release, encoding="utf-8")
    assert cli.main(["features", "load", recipe]) == 0
    assert capsys.readouterr().out.startswith("feature store up to date: ")
    before = _get(recipe, "7", capsys)
    for path in Path("artifacts/made-up").glob("feature_store.sqlite*"):
        path.unlink()
    assert cli.main(["features", "get", recipe, "--user", "7"]) == 1
    complaint = capsys.readouterr().err
    assert "expected a feature store at " in complaint
    assert "feature_store.sqlite, found none. Run: shortlist export ./made-up.toml" in complaint
    assert cli.main(["features", "load", recipe]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("feature store filled: ")
    assert "no release" not in printed
    assert _get(recipe, "7", capsys) == before
    assert len(before["interactions"]) > 0


def test_load_of_other_data_waits_for_their_release(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The served release keeps its records; the command says how to make a release of the new ones."""
    before = _get(recipe, "7", capsys)
    table = pq.read_table("artifacts/made-up/raw/users.parquet")
    tags = pa.array([["a"]] * table.num_rows)
    pq.write_table(table.append_column("tags", tags), "artifacts/made-up/raw/users.parquet")
    assert cli.main(["features", "load", recipe]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("feature store filled: ")
    assert "no release was made of these data yet: shortlist export ./made-up.toml\n" in printed
    assert _get(recipe, "7", capsys) == before


def test_clear_removes_live_features(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Those of the data count again, for one user or for all."""
    before = {user: _get(recipe, user, capsys) for user in ("7", "8")}

    def set_both() -> None:
        for user in before:
            assert cli.main(["features", "set", recipe, "--user", user, "age=99"]) == 0
            assert _get(recipe, user, capsys)["features"]["age"] == 99

    set_both()
    assert cli.main(["features", "clear", recipe, "--user", "7"]) == 0
    assert capsys.readouterr().out == "user 7: no live features\n"
    assert _get(recipe, "7", capsys) == before["7"]
    assert _get(recipe, "8", capsys) != before["8"]
    set_both()
    assert cli.main(["features", "clear", recipe, "--all"]) == 0
    assert capsys.readouterr().out == "every user: no live features\n"
    assert {user: _get(recipe, user, capsys) for user in before} == before


def test_items_are_switched_off_and_on(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The last line lists the items that are off."""
    for typed, printed in [
        ([], "every item is on"),
        (["--off", "50", "7"], "off: 50, 7"),
        (["--off", "8", "--on", "50"], "off: 7, 8"),
        ([], "off: 7, 8"),
    ]:
        assert cli.main(["items", recipe, *typed]) == 0
        assert capsys.readouterr().out == f"{printed}\n"


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        (
            ["--off", "50", "nothing"],
            "items of release 1, got 'nothing'. Nothing was switched",
        ),
        (["--on", "nothing"], "items of release 1, got 'nothing'"),
        (["--on", "50", "--off", "50"], "got 50 after both"),
    ],
)
def test_an_item_that_there_is_not_is_refused(
    recipe: str, typed: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With one invalid id, nothing is switched."""
    assert cli.main(["items", recipe, *typed]) == 1
    assert complaint in capsys.readouterr().err
    assert cli.main(["items", recipe]) == 0
    assert capsys.readouterr().out == "every item is on\n"


def test_an_item_that_left_the_catalogue_can_be_switched_on(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """An item stays off from release to release, and can be switched on by its id alone."""
    with opened_store(RECIPE, Artifacts.of("made-up")) as store:
        store.switch(["left"], on=False)
    assert cli.main(["items", recipe, "--on", "left"]) == 0
    assert capsys.readouterr().out == "every item is on\n"


def test_without_a_release_there_are_no_items(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the command that creates one."""
    shutil.rmtree("artifacts/made-up/model_repository")
    assert cli.main(["items", recipe, "--off", "50"]) == 1
    assert "shortlist export ./made-up.toml" in capsys.readouterr().err
