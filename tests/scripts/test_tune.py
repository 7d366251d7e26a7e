"""The command ``shortlist tune``."""

from pathlib import Path

import pytest

from recipes.load import load
from scripts import cli
from sources.ingest import ingest
from stages.artifacts import Artifacts
from tests.models import shop
from workflows.prepare import prepare

TOML = """
name = "two-tastes"

[source]
kind = "parquet"
interactions = "interactions.parquet"

[columns]
user = "customer"
item = "product"
timestamp = "bought_at"

[split]
kind = "random"

[ranker]
kind = "none"
"""

SPACE = """
[tune]
trials = 2

[tune.space]
"retriever.learning_rate" = { low = 0.001, high = 0.1, log = true }
"retriever.embedding_dim" = { choices = [4, 8] }
"""


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with the prepared shop and its recipe."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", "artifacts")
    shop.write_files(tmp_path)
    path = Path("shop.toml")
    path.write_text(TOML + SPACE, encoding="utf-8")
    recipe = load(str(path.resolve()))
    ingest(recipe, Artifacts.of(recipe.name), None)
    prepare(recipe, Artifacts.of(recipe.name), force=False)
    return path


def test_the_best_settings_can_be_pasted_into_the_recipe(
    there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line per trial, then the table; pasted into the recipe, it gives exactly these settings."""
    capsys.readouterr()
    assert cli.main(["tune", "./shop.toml", "--trials", "1"]) == 0
    printed = capsys.readouterr()
    first, best, wrote = printed.err.splitlines()
    table = printed.out.splitlines()
    assert first.startswith("trial 1 of 1: 0.")
    assert best.startswith("best of 1 trials on the validation part: 0.")
    assert wrote == "wrote artifacts/two-tastes/tuned.toml"
    written = load("artifacts/two-tastes/tuned.toml")
    assert [line.split(" = ")[0] for line in table] == [
        "[retriever]",
        "learning_rate",
        "embedding_dim",
    ]
    there.write_text(TOML + "\n".join(table) + SPACE, encoding="utf-8")
    found = load("./shop.toml").retriever
    assert written.retriever == found
    assert f"learning_rate = {found.learning_rate:.4g}, " in first
    assert 0.001 <= found.learning_rate <= 0.1
    assert found.embedding_dim in (4, 8)
    # Pasted settings do not start a new search.
    assert cli.main(["tune", "./shop.toml", "--trials", "1"]) == 0
    printed = capsys.readouterr()
    assert (printed.err.splitlines(), printed.out.splitlines()) == ([best, wrote], table)


@pytest.mark.parametrize(
    ("given", "options", "status", "complaint"),
    [
        (TOML + SPACE, ["--trials", "0"], 2, "expected a whole number of at least 1, got '0'"),
        (TOML + SPACE, ["--trials", "few"], 2, "expected a whole number of at least 1, got 'few'"),
        (TOML + SPACE, [], 1, "shortlist prepare ./shop.toml"),
        (TOML + SPACE, ["--minutes", "-1"], 2, "expected a number of at least 0, got '-1'"),
        (TOML + SPACE, ["--write", "tuned.json"], 1, "expected the path of a TOML file"),
        (TOML, [], 1, "shortlist prepare ./shop.toml"),
        (TOML + SPACE.replace("embedding_dim", "embedding_dims"), [], 1, "mean 'embedding_dim'?"),
    ],
)
def test_what_cannot_be_searched_is_explained(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    given: str,
    options: list[str],
    status: int,
    complaint: str,
) -> None:
    """One message on standard error, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", "artifacts")
    Path("shop.toml").write_text(given, encoding="utf-8")
    try:
        ended = cli.main(["tune", "./shop.toml", *options])
    except SystemExit as error:
        ended = int(error.code or 0)
    assert ended == status
    assert complaint in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["shop.toml"]
