"""A damaged release is refused, and the error names the file."""

import shutil
from pathlib import Path

import pytest

from runtime import manifest, plan
from runtime.errors import ReleaseError
from runtime.stores.sqlite_store import SqliteFeatureStore


def _flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0x01
    path.write_bytes(content)


def test_one_flipped_byte_in_any_file_is_noticed(
    release: Path, store: SqliteFeatureStore, tmp_path: Path
) -> None:
    """For the first, middle and last byte of every non-empty file, loading fails and names the file."""
    copy = Path(shutil.copytree(release, tmp_path / "release"))
    files = [path for path in copy.rglob("*") if path.is_file()]
    assert len(files) > 20
    for path in files:
        size = path.stat().st_size
        for place in {0, size // 2, size - 1} if size else ():
            _flip(path, place)
            with pytest.raises(ReleaseError, match=str(path)):
                plan.load(copy, store)
            _flip(path, place)
    plan.load(copy, store)


def test_every_byte_of_the_manifest_counts(release: Path, tmp_path: Path) -> None:
    """The manifest protects itself, including spaces and digits."""
    copy = Path(shutil.copytree(release, tmp_path / "release")) / manifest.NAME
    for place in range(copy.stat().st_size):
        _flip(copy, place)
        with pytest.raises(ReleaseError, match=manifest.NAME):
            manifest.read(copy.parent)
        _flip(copy, place)


def test_a_missing_file_is_named(release: Path, store: SqliteFeatureStore, tmp_path: Path) -> None:
    """A file that is gone is reported like a damaged one."""
    copy = Path(shutil.copytree(release, tmp_path / "release"))
    (copy / "ranker.onnx").unlink()
    with pytest.raises(ReleaseError, match=r"readable file at .*ranker\.onnx, got: No such file"):
        plan.load(copy, store)


def test_a_folder_without_manifest_is_no_release(tmp_path: Path) -> None:
    """An empty folder is refused, and the error names the missing file."""
    with pytest.raises(ReleaseError, match=r"readable file at .*manifest\.json, got: No such file"):
        manifest.verify(tmp_path)


def test_facts_are_kept(tmp_path: Path) -> None:
    """Facts sealed with a release can be read back."""
    (tmp_path / "a").write_text("content")
    manifest.seal(tmp_path, {"answer": 42})
    assert manifest.verify(tmp_path)["answer"] == 42
    assert list(manifest.read(tmp_path)["files"]) == ["a"]
