"""The version of the users' records in the feature store that each release reads."""

from pathlib import Path

from ensemble.releases.repository import release_of, releases
from ensemble.releases.served import served_version
from runtime import manifest
from runtime.errors import ReleaseError
from runtime.stores.feature_store import BEFORE_VERSIONS, FeatureStore
from stages.artifacts import Artifacts
from stages.errors import ShortlistError

#: The version's key in a manifest.
RECORDS = "records"


def records_of(release: Path) -> str:
    """The version that a release reads.

    Raises:
        ReleaseError: its manifest is damaged.
    """
    return str(manifest.read(release).get(RECORDS, BEFORE_VERSIONS))


def served_records(artifacts: Artifacts) -> str:
    """The version that the served release reads; if there is none, that of releases before versions.

    Raises:
        ShortlistError: its manifest is damaged.
    """
    version = served_version(artifacts)
    release = None if version is None else release_of(artifacts, version)
    try:
        return BEFORE_VERSIONS if release is None else records_of(release)
    except ReleaseError as error:
        raise ShortlistError(str(error)) from error


def read_records(artifacts: Artifacts) -> frozenset[str]:
    """The versions that existing releases read; none if a manifest is damaged."""
    try:
        return frozenset(records_of(release) for release in releases(artifacts))
    except ReleaseError:
        return frozenset()


def drop_unread_records(artifacts: Artifacts, store: FeatureStore) -> int:
    """Remove the versions that no release reads any more; returns how many.

    Call it with the lock on the releases.

    Raises:
        StoreError: the store cannot be written.
    """
    read = read_records(artifacts)
    # What a damaged release reads is unknown.
    unread = store.versions() - read if read else frozenset()
    if unread:
        store.drop(unread)
    return len(unread)
