"""The choice of a recipe's feature store, and its entry in a release."""

import json
import sqlite3
from pathlib import Path

import pytest

from ensemble.feature_store.choice import VARIABLE, explained, opened_store, store_of
from ensemble.feature_store.events import Recorder
from ensemble.in_process import served_in_process
from ensemble.releases.export import export
from recipes.schema.recipe import Recipe
from runtime.errors import StoreError
from runtime.stores.feature_store import UserRecord
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.ensemble.synthetic import RECIPE, TOML, write_artifacts


def _with_store(url: str) -> Recipe:
    return RECIPE.model_copy(update={"serving": RECIPE.serving.model_copy(update={"store": url})})


def test_the_environment_goes_before_the_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable overrides the recipe; the default is a file in the artifacts."""
    artifacts = Artifacts(tmp_path)
    assert store_of(RECIPE, artifacts).where == str(artifacts.feature_store)
    redis = _with_store("redis://cache:6379/2")
    assert store_of(redis, artifacts).where == "redis://cache:6379/2"
    monkeypatch.setenv(VARIABLE, "rediss://:s3cret@elsewhere/1")
    chosen = store_of(redis, artifacts)
    assert (chosen.where, str(chosen)) == ("rediss://:s3cret@elsewhere/1", "rediss://elsewhere/1")
    assert "s3cret" not in repr(chosen)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, "store.sqlite")
    assert store_of(redis, artifacts).where == str(tmp_path / "store.sqlite")


def test_deadline_and_bound_come_from_the_recipe(tmp_path: Path) -> None:
    """The plan holds the values of [serving], with a path relative to the model repository."""
    update = {"store_deadline_ms": 7, "interactions_kept": 3}
    serving = RECIPE.serving.model_copy(update=update)
    chosen = store_of(RECIPE.model_copy(update={"serving": serving}), Artifacts(tmp_path / "a"))
    assert chosen.for_plan(tmp_path / "a" / "model_repository") == {
        "where": "../feature_store.sqlite",
        "recipe": "made-up",
        "deadline_ms": 7,
        "kept": 3,
    }


def test_no_file_of_a_release_holds_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret in the environment is used, but not stored."""
    artifacts = write_artifacts(tmp_path / "made-up")
    with served_in_process(RECIPE, artifacts):
        pass  # uses a separate store for its measurement, and reads no other
    monkeypatch.setenv(VARIABLE, "redis://:s3cret@127.0.0.1:1/0")
    with pytest.raises(
        ShortlistError,
        match=r"to read the feature store redis://127\.0\.0\.1:1/0, got: .*it is running",
    ):
        export(RECIPE, artifacts, force=False)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "s3cret.sqlite"))
    release = export(_with_store("redis://cache"), artifacts, force=False)
    plan = json.loads((release / "plan.json").read_text())
    assert plan["feature_store"]["where"] == "../../s3cret.sqlite", "a path is no secret"
    monkeypatch.setenv(VARIABLE, "redis://user:s3cret@cache:6379/0")
    entry = store_of(RECIPE, artifacts).for_plan(artifacts.model_repository)
    assert entry["where"] == "redis://cache:6379/0"


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (None, "Run: shortlist export made-up"),
        (sqlite3.OperationalError("database or disk is full"), "Free disk space"),
        (sqlite3.DatabaseError("file is not a database"), "Delete the file"),
        (ConnectionError("refused"), "Check that it is running"),
    ],
)
def test_every_failure_says_what_to_do(error: Exception | None, remedy: str) -> None:
    """The remedy fits the cause."""
    if isinstance(error, sqlite3.Error):
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
    with pytest.raises(ShortlistError, match=f"^the store is ill. {remedy}"), explained(RECIPE):
        raise StoreError("the store is ill") from error


def test_a_busy_store_is_not_blamed_on_the_disk() -> None:
    """The cause is another writer, and the remedy is to wait."""
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorcode = sqlite3.SQLITE_BUSY
    with pytest.raises(ShortlistError, match="Another program is writing"), explained(RECIPE):
        raise StoreError("the store is ill") from busy


def test_an_application_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call per event, into the recipe's store; it returns whether the event was new."""
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", str(tmp_path))
    (tmp_path / "made-up.toml").write_text(TOML)
    with Recorder(str(tmp_path / "made-up.toml")) as recorder:
        assert recorder.record("7", "a", "bought", event_id="order-1")
        assert not recorder.record("7", "a", "bought", event_id="order-1")
        assert recorder.record("7", "b", time=1.0)
    with opened_store(RECIPE, Artifacts.of("made-up"), read_only=True) as store:
        expected = UserRecord({}, ["b", "a"], recorded=2, kinds=("interaction", "bought"))
        assert store.get_many(["7"]) == [expected]
