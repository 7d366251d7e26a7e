"""Trained parts -> the next release in the model repository, and users in the feature store."""

import hashlib
from pathlib import Path

from ensemble.feature_store.choice import opened_store, store_of
from ensemble.feature_store.user_records import fill_feature_store
from ensemble.releases.carried_code import code_files
from ensemble.releases.lock import release_lock
from ensemble.releases.parts import release_inputs
from ensemble.releases.records import drop_unread_records
from ensemble.releases.repository import latest_release
from ensemble.releases.served import record, served_version
from ensemble.triton.config import MODEL_NAME
from recipes.schema.recipe import Recipe
from runtime import manifest
from runtime.errors import ReleaseError
from runtime.stores.feature_store import FeatureStore
from stages.artifacts import Artifacts
from stages.atomic import atomic_directory
from stages.errors import ShortlistError
from stages.log import logger
from stages.progress import phase

log = logger(__name__)


def export(recipe: Recipe, artifacts: Artifacts, *, force: bool = False) -> Path:
    """Write ``model_repository/recommender/<next version>/`` and return it.

    If the latest release was made from the same parts, it is kept, unless ``force``. If anything fails
    midway, older releases are unchanged and no new one appears. The served release and the users' records
    that it reads stay the same (``ensemble.releases.served``).

    Raises:
        ShortlistError: a part is missing or does not match the others, the disk is full, or another
            command is changing the releases.
    """
    with release_lock(artifacts, f"shortlist export {recipe.given_as}"), phase("export"):
        return _export(recipe, artifacts, force)


def _export(recipe: Recipe, artifacts: Artifacts, force: bool) -> Path:
    inputs = release_inputs(recipe, artifacts)
    try:
        with opened_store(recipe, artifacts) as store:
            filled = fill_feature_store(recipe, artifacts, store)
            chosen = store_of(recipe, artifacts)
            log.info(f"feature store {'filled' if filled.now else 'up to date'}: {chosen}")
            made_from = _fingerprint(recipe, artifacts, inputs, filled.version)
            latest = latest_release(artifacts)
            if latest is not None and not force and _made_of(latest, made_from):
                log.info(f"release up to date: {latest}")
                return latest
            release = _new_release(recipe, artifacts, store, filled.version, made_from)
            drop_unread_records(artifacts, store)  # those of an export that failed
            return release
    except OSError as error:
        raise ShortlistError(
            f"expected to write the release, got: {error}. Earlier releases are unchanged. "
            f"Fix the cause and run `shortlist export {recipe.given_as}` again."
        ) from error


def _new_release(
    recipe: Recipe,
    artifacts: Artifacts,
    store: FeatureStore,
    records: str,
    made_from: str,
) -> Path:
    from ensemble.releases.build import assemble

    model = artifacts.model_repository / MODEL_NAME
    latest = latest_release(artifacts)
    directory = model / str(int(latest.name) + 1 if latest else 1)
    with atomic_directory(directory) as temporary:
        assemble(recipe, artifacts, temporary, store, records, made_from)
        if served_version(artifacts) is None:  # the first release: Triton needs one to load
            record(artifacts, temporary, int(directory.name), "export")
    facts = manifest.read(directory)
    index = facts["index"]
    log.info(
        f"release {directory.name}: {facts['items']:,} items, {index['kind']} index "
        f"(recall {index['recall']:.4f} of exact search): {directory}"
    )
    return directory


def _made_of(release: Path, made_from: str) -> bool:
    try:
        return manifest.verify(release).get("made_from") == made_from
    except ReleaseError:
        return False  # damaged: make a new one


def _fingerprint(recipe: Recipe, artifacts: Artifacts, inputs: list[Path], records: str) -> str:
    """A digest of all that a release depends on: recipe, parts, users, evaluation figures, its code."""
    digest = hashlib.sha256((recipe.model_dump_json() + records).encode())
    for path in [
        *inputs,
        *code_files(),
        *([artifacts.report] if artifacts.report.exists() else []),
    ]:
        digest.update(manifest.sha256(path).encode())
    return digest.hexdigest()
