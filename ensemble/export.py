"""Trained parts -> the next release in the model repository, and users in the feature store."""

import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

from ensemble.parts import release_inputs
from ensemble.releases import latest_release
from ensemble.runtime import manifest
from ensemble.runtime.errors import ReleaseError, StoreError
from ensemble.runtime.sqlite_store import SqliteFeatureStore
from ensemble.triton_config import MODEL_NAME, config_text
from ensemble.user_records import fill_feature_store
from recipes.artifacts import Artifacts
from recipes.atomic import atomic_directory, atomic_file
from recipes.errors import ShortlistError
from recipes.recipe import Recipe

HERE = Path(__file__).parent


def export(
    recipe: Recipe, artifacts: Artifacts, *, force: bool, say: Callable[[str], None]
) -> Path:
    """Write ``model_repository/recommender/<next version>/`` and return it.

    A latest release that was made of the same parts is kept, unless ``force``. Whatever goes wrong
    midway, older releases stay as they were and no new one appears.

    Raises:
        ShortlistError: a part is missing or does not fit the others, or the disk is full.
    """
    inputs = release_inputs(recipe, artifacts)
    try:
        artifacts.feature_store.parent.mkdir(parents=True, exist_ok=True)
        store = SqliteFeatureStore(artifacts.feature_store)
    except StoreError as error:
        # SQLite calls what the system refuses operational, and what a file should not hold otherwise.
        refused = isinstance(error.__cause__, sqlite3.OperationalError)
        remedy = "Free disk space or check the rights on it" if refused else "Delete the file"
        raise ShortlistError(
            f"{error}. {remedy} and run `shortlist export {recipe.given_as}`."
        ) from error
    try:
        filled = fill_feature_store(recipe, artifacts, store)
        say(f"feature store {'filled' if filled else 'up to date'}: {artifacts.feature_store}")
        source = _fingerprint(recipe, artifacts, inputs)
        latest = latest_release(artifacts)
        if latest is not None and not force and _made_of(latest, source):
            say(f"release up to date: {latest}")
            return latest
        return _new_release(recipe, artifacts, store, source, say)
    except OSError as error:
        raise ShortlistError(
            f"the release could not be written ({error}); earlier ones are as they were. "
            f"Mend that and run `shortlist export {recipe.given_as}` again."
        ) from error
    finally:
        store.close()


def _new_release(
    recipe: Recipe,
    artifacts: Artifacts,
    store: SqliteFeatureStore,
    source: str,
    say: Callable[[str], None],
) -> Path:
    from ensemble.assemble import assemble

    model = artifacts.model_repository / MODEL_NAME
    latest = latest_release(artifacts)
    directory = model / str(int(latest.name) + 1 if latest else 1)
    with atomic_directory(directory) as temporary:
        assemble(recipe, artifacts, temporary, store, source)
        # Before the release: a release without configuration would not load.
        with atomic_file(model / "config.pbtxt") as path:
            path.write_text(config_text(recipe), encoding="utf-8")
    facts = manifest.read(directory)
    index = facts["index"]
    say(
        f"release {directory.name}: {facts['items']:,} items, {index['kind']} index "
        f"(recall {index['recall']:.4f} of exact search): {directory}"
    )
    return directory


def _made_of(release: Path, source: str) -> bool:
    try:
        return manifest.verify(release)["source"] == source
    except ReleaseError:
        return False  # damaged: make a new one


def _fingerprint(recipe: Recipe, artifacts: Artifacts, inputs: list[Path]) -> str:
    """What a release depends on: recipe, parts, evaluation figures and the code it carries."""
    digest = hashlib.sha256(recipe.model_dump_json().encode())
    for path in [*inputs, *_code(), *([artifacts.report] if artifacts.report.exists() else [])]:
        digest.update(manifest.sha256(path).encode())
    return digest.hexdigest()


def _code() -> Iterator[Path]:
    yield from sorted((HERE / "runtime").rglob("*.py"))
    yield HERE / "triton_model.py"
