"""The releases in a model repository."""

from pathlib import Path

from ensemble.triton_config import MODEL_NAME
from recipes.artifacts import Artifacts


def releases(artifacts: Artifacts) -> list[Path]:
    """Release folders, oldest first."""
    model = artifacts.model_repository / MODEL_NAME
    versions = [path for path in model.glob("*") if path.name.isdecimal() and path.is_dir()]
    return sorted(versions, key=lambda path: int(path.name))


def latest_release(artifacts: Artifacts) -> Path | None:
    """The newest release folder, None where there is none."""
    return next(reversed(releases(artifacts)), None)
