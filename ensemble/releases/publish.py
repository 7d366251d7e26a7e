"""Publish or roll back: check a release, then load it beside the old one; no request is lost."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from ensemble.feature_store.choice import opened_store
from ensemble.releases.gate import Gate
from ensemble.releases.lock import release_lock
from ensemble.releases.records import drop_unread_records, records_of
from ensemble.releases.repository import latest_release, release_of, releases
from ensemble.releases.served import By, record, served_before, served_version, undone_on_failure
from ensemble.releases.trial import Trial, on_trial
from ensemble.triton.control import ask, load
from ensemble.triton.server import Address, read_address
from recipes.schema.recipe import Recipe
from runtime import manifest
from runtime.errors import ReleaseError, StoreError
from runtime.stores.feature_store import BEFORE_VERSIONS, FeatureStore
from stages.artifacts import Artifacts
from stages.atomic import remove_directory
from stages.errors import ShortlistError
from stages.log import logger
from stages.progress import phase

log = logger(__name__)

#: How often to compare the answers for a user, who may interact between two answers.
ATTEMPTS = 3


@phase("publishing")
def publish(recipe: Recipe, artifacts: Artifacts, version: int | None, gate: Gate) -> None:
    """Serve release ``version`` from now on, by default the newest; remove the oldest releases.

    If a server of this recipe is running here, it switches to the release; otherwise the next one loads it.

    Raises:
        ShortlistError: the release is missing, damaged, worse than the served one or does not answer,
            the server does not load it, the disk is full, or another command is changing the releases.
            The old release is served as before.
    """
    with release_lock(artifacts, f"shortlist publish {recipe.given_as}"):
        release = _release(recipe, artifacts, version)
        facts = _verified(recipe, release)
        served = served_version(artifacts)
        if served not in (None, int(release.name)):
            log.info(
                f"release {release.name}: {gate.compare(recipe, _facts(artifacts, served), facts)}"
            )
        _put_in_service(recipe, artifacts, release, "publish")
        _remove_old(recipe, artifacts)
        _remove_unread_records(recipe, artifacts)


@phase("rolling back")
def rollback(recipe: Recipe, artifacts: Artifacts, version: int | None) -> None:
    """Serve release ``version`` again, by default the one served before the current one.

    Its figures are not compared; otherwise as ``publish``.

    Raises:
        ShortlistError: as ``publish``, and if no release was served before.
    """
    with release_lock(artifacts, f"shortlist rollback {recipe.given_as}"):
        target = served_before(artifacts) if version is None else version
        if target is None:
            raise ShortlistError(
                "expected an existing release that was served before release "
                f"{served_version(artifacts)}, found none. Choose one with --release: "
                f"`shortlist releases {recipe.given_as}` lists them."
            )
        release = _release(recipe, artifacts, target)
        _verified(recipe, release)
        _put_in_service(recipe, artifacts, release, "rollback")


def _release(recipe: Recipe, artifacts: Artifacts, version: int | None) -> Path:
    latest = latest_release(artifacts)
    if latest is None:
        raise ShortlistError(
            f"expected a release in {artifacts.model_repository}, found none. "
            f"`shortlist export {recipe.given_as}` makes one."
        )
    release = latest if version is None else release_of(artifacts, version)
    if release is None:
        existing = ", ".join(path.name for path in releases(artifacts))
        raise ShortlistError(f"expected --release to be one of {existing}, got {version}")
    return release


def _verified(recipe: Recipe, release: Path) -> dict[str, Any]:
    try:
        return manifest.verify(release)
    except ReleaseError as error:
        raise ShortlistError(
            f"{error}: run `shortlist export {recipe.given_as} --force`. Nothing was changed."
        ) from error


def _facts(artifacts: Artifacts, version: int | None) -> dict[str, Any]:
    """The manifest of the served release; empty if the release is gone or damaged."""
    release = None if version is None else release_of(artifacts, version)
    with suppress(ReleaseError):
        return {} if release is None else manifest.read(release)
    return {}


def _put_in_service(recipe: Recipe, artifacts: Artifacts, release: Path, by: By) -> None:
    version, before = int(release.name), served_version(artifacts)
    address = None
    try:
        with (
            opened_store(recipe, artifacts, read_only=True) as store,
            on_trial(release, store) as trial,
        ):
            _check_records(recipe, release, store, by)
            log.info(
                f"release {version}: every file is intact, and it answers {len(trial.users)} users"
            )
            with undone_on_failure(artifacts):
                record(artifacts, release, version, by)
                address = read_address(artifacts)
                if address is not None:
                    load(address.grpc, address.key)
                    _compare_answers(address, trial)
    except BaseException as error:
        after = "" if address is None else f" {_moved_back(address, before)}"
        if isinstance(error, (OSError, ShortlistError)):
            raise ShortlistError(
                f"release {version} was not put in service: {str(error).rstrip('.')}. "
                f"The record of the served release is unchanged.{after}"
            ) from error
        raise
    if address is None:
        log.info(
            f"release {version} will be served by the next `shortlist serve {recipe.given_as}`: "
            "no server of this recipe is running here"
        )
    else:
        log.info(f"release {version} is served at {address.grpc}; its answers match this process")


def _check_records(recipe: Recipe, release: Path, store: FeatureStore, by: By) -> None:
    """Check that the store has the users' records that the release reads.

    A rollback goes on without, because what it leaves may be worse. So does a release whose store is down.
    """
    records = records_of(release)
    try:
        if records in store.versions() | {BEFORE_VERSIONS}:
            return
    except StoreError:
        return
    missing = (
        f"expected the users' records of release {release.name} in the feature store, found none. "
        f"`shortlist features load {recipe.given_as}` loads those of the prepared data"
    )
    if by == "publish":
        raise ShortlistError(missing)
    log.warning(f"{missing}; until then its users are unknown")


def _compare_answers(address: Address, trial: Trial) -> None:
    """Check that the server answers from this release, bit for bit like this process."""
    for user in trial.users:
        for _ in range(ATTEMPTS):
            expected, got = trial.answer(user), ask(address.grpc, user)
            if got.version != trial.version:
                raise ShortlistError(
                    f"expected the server to answer user {user!r} from release {trial.version}, "
                    f"got release {got.version}"
                )
            if got == expected:
                break
        else:
            raise ShortlistError(
                f"expected the server to give user {user!r} {expected}, as this process does, "
                f"got {got}"
            )


def _moved_back(address: Address, version: int | None) -> str:
    """Have the server load the release it served before; returns a sentence about the result."""
    with suppress(ShortlistError):
        # Needed even if the new release was refused: an interrupted load may still finish.
        load(address.grpc, address.key)
    try:
        now = ask(address.grpc, "").version
    except ShortlistError as error:
        return f"The server no longer answers: {error}"
    if now == version:
        return f"Release {now} is served as before."
    return f"The server serves release {now}: stop it and start it again."


def _remove_unread_records(recipe: Recipe, artifacts: Artifacts) -> None:
    """Remove the users' records that only removed releases read."""
    try:
        with opened_store(recipe, artifacts) as store:
            dropped = drop_unread_records(artifacts, store)
        if dropped:
            log.info("removed users' records that no release reads from the feature store")
    except ShortlistError as error:
        log.info(f"could not remove users' records that no release reads: {error}")


def _remove_old(recipe: Recipe, artifacts: Artifacts) -> None:
    """Remove all releases but the newest, the served one and the one to roll back to."""
    existing, count = releases(artifacts), recipe.serving.keep_releases
    kept = {served_version(artifacts), served_before(artifacts)}
    for release in existing[:-count]:
        if int(release.name) in kept:
            continue
        try:
            remove_directory(release)
            log.info(f"removed release {release.name}: serving.keep_releases is {count}")
        except OSError as error:
            log.info(f"could not remove release {release.name}: {error}")
