"""The releases in a model repository."""

from pathlib import Path

from ensemble.triton.config import MODEL_NAME
from stages.artifacts import Artifacts


def releases(artifacts: Artifacts) -> list[Path]:
    """Release folders, oldest first."""
    model = artifacts.model_repository / MODEL_NAME
    versions = [path for path in model.glob("*") if path.name.isdecimal() and path.is_dir()]
    return sorted(versions, key=lambda path: int(path.name))


def release_of(artifacts: Artifacts, version: int) -> Path | None:
    """The folder of one release, None if it does not exist."""
    return next((path for path in releases(artifacts) if int(path.name) == version), None)


def latest_release(artifacts: Artifacts) -> Path | None:
    """The newest release folder, None if there is none."""
    return next(reversed(releases(artifacts)), None)
