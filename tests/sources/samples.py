"""Write synthetic data sets to disk."""

import zipfile
from pathlib import Path

import pytest

from recipes.load import load
from sources.ingest import ingest
from stages.artifacts import Artifacts
from stages.errors import ShortlistError


def write(folder: Path, content: dict[str, bytes]) -> Path:
    """Write files, given by name, into ``folder`` and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in content.items():
        (folder / name).write_bytes(data)
    return folder


def zipped(path: Path, prefix: str, content: dict[str, bytes]) -> bytes:
    """Write files, given by name, into the folder ``prefix`` of a zip file and return its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(prefix + name, data)
    return path.read_bytes()


def refused_whole(recipe: str, folder: Path, artifacts: Path, complaints: list[str]) -> None:
    """Assert that ingest refuses ``folder`` with these words and the folder's name, and writes no table."""
    with pytest.raises(ShortlistError) as raised:
        ingest(load(recipe), Artifacts(artifacts), folder)
    for complaint in [*complaints, str(folder)]:
        assert complaint in str(raised.value)
    assert not artifacts.exists()
