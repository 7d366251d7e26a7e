"""Which release is served: only ``config.pbtxt`` records it; ``served.json`` holds the history.

Until a release is published, a server that starts takes the newest one. From then on, only
`shortlist publish` and `shortlist rollback` change which release is served.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from ensemble.releases.lock import ReleasesBusyError, release_lock
from ensemble.releases.repository import latest_release, release_of, releases
from ensemble.triton.config import CONFIG, MODEL_NAME, version_in, with_version
from stages.artifacts import Artifacts
from stages.atomic import atomic_file
from stages.errors import ShortlistError

By = Literal["export", "serve", "publish", "rollback"]


@dataclass(frozen=True)
class Change:
    """From ``at`` on (UTC, ISO 8601) this was the release to serve; ``by``: the command that set it."""

    release: int
    at: str
    by: By


def served_version(artifacts: Artifacts) -> int | None:
    """The release that a server of this recipe serves, None before the first export."""
    try:
        return version_in(_config(artifacts).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def record(artifacts: Artifacts, release: Path, version: int, by: By) -> None:
    """Make ``version`` the release to serve, with the configuration in its folder ``release``.

    Raises:
        ShortlistError: the release has no configuration, or the history cannot be read.
    """
    try:
        text = (release / CONFIG).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ShortlistError(
            f"expected a file at {release / CONFIG}, found none: an older version of shortlist "
            "made this release. Export it again."
        ) from error
    now = datetime.now(UTC).isoformat(timespec="seconds")
    changes = [*history(artifacts), Change(version, now, by)]
    # Both files are written before either replaces the old one: a full disk changes neither.
    with (
        atomic_file(artifacts.served_history) as log,
        atomic_file(_config(artifacts)) as config,
    ):
        config.write_text(with_version(text, version), encoding="utf-8")
        log.write_text(json.dumps([asdict(each) for each in changes], indent=1) + "\n", "utf-8")


@contextmanager
def undone_on_failure(artifacts: Artifacts) -> Iterator[None]:
    """Undo what the block records if it fails. Undoing takes no disk space."""
    paths = (_config(artifacts), artifacts.served_history)
    copies = {path: path.with_name(f".{path.name}.before.tmp") for path in paths}
    existing = [path for path in paths if path.exists()]
    try:
        for path in existing:
            shutil.copyfile(path, copies[path])
        try:
            yield
        except BaseException:
            for path in paths:
                if path not in existing:
                    path.unlink(missing_ok=True)
                    continue
                os.replace(copies[path], path)
                os.utime(path)  # Triton rereads a configuration only if it is newer
            raise
    finally:
        for copy in copies.values():
            copy.unlink(missing_ok=True)


def history(artifacts: Artifacts) -> list[Change]:
    """Every change of the release to serve, oldest first.

    Raises:
        ShortlistError: the file is damaged.
    """
    path = artifacts.served_history
    try:
        return [Change(**each) for each in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError) as error:
        raise ShortlistError(
            f"expected the history of served releases in {path}, got: {error}. "
            "Delete the file: the served release stays, but you cannot roll back from it."
        ) from error


def is_published(artifacts: Artifacts) -> bool:
    """Whether a person chose the served release; a newer one then does not replace it."""
    return any(change.by in ("publish", "rollback") for change in history(artifacts))


def served_before(artifacts: Artifacts) -> int | None:
    """The release that `shortlist rollback` returns to: the last one before that still exists.

    A rollback undoes its steps: after 1, 2, 3 and a rollback to 2, the one before is 1.
    """
    steps: list[int] = []
    for change in history(artifacts):
        if change.by == "rollback" and change.release in steps:
            while steps[-1] != change.release:
                steps.pop()
        elif not steps or steps[-1] != change.release:
            steps.append(change.release)
    existing = {int(path.name) for path in releases(artifacts)}
    served = served_version(artifacts)
    return next((step for step in reversed(steps) if step in existing and step != served), None)


def release_to_serve(artifacts: Artifacts, recipe_name: str) -> Path:
    """The release for a server that starts now; if none was published, records the newest.

    Raises:
        ShortlistError: there is no release, or the recorded one is gone.
    """
    chosen, version = chosen_release(artifacts, recipe_name), served_version(artifacts)
    if version == int(chosen.name):
        return chosen
    try:
        with release_lock(artifacts, f"shortlist serve {recipe_name}"):
            record(artifacts, chosen, int(chosen.name), "serve")
        return chosen
    except ReleasesBusyError:
        # A server must start even during a long export: with the release recorded before.
        if version is None:
            raise
        return _recorded(artifacts, version, chosen, recipe_name)


def chosen_release(artifacts: Artifacts, recipe_name: str) -> Path:
    """The published release, or the newest if none was published.

    Raises:
        ShortlistError: there is no release, or the published one is gone.
    """
    latest, version = latest_release(artifacts), served_version(artifacts)
    if latest is None:
        raise ShortlistError(
            f"expected a release in {artifacts.model_repository}, found none. "
            f"`shortlist export {recipe_name}` makes one."
        )
    if version is None or not is_published(artifacts):
        return latest
    return _recorded(artifacts, version, latest, recipe_name)


def _recorded(artifacts: Artifacts, version: int, latest: Path, recipe_name: str) -> Path:
    release = release_of(artifacts, version)
    if release is None:
        raise ShortlistError(
            f"expected release {version}, which {_config(artifacts)} names as the served one, "
            f"found none. `shortlist publish {recipe_name}` serves the newest, "
            f"release {latest.name}."
        )
    return release


def _config(artifacts: Artifacts) -> Path:
    return artifacts.model_repository / MODEL_NAME / CONFIG
