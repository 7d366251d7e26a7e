"""``manifest.json``: the SHA-256 of every file of a release, and facts about it.

The manifest protects itself too: it holds a digest of its own content, and its bytes must be exactly
those that this module writes. A change to any byte of any file is noticed before the file is used.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import ReleaseError

NAME = "manifest.json"


def sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def seal(directory: Path, facts: dict[str, Any]) -> None:
    """Write the manifest of a finished release folder; ``facts``: JSON values to include."""
    content = facts | {"files": {name: sha256(directory / name) for name in _file_names(directory)}}
    content["sha256"] = hashlib.sha256(_spell(content)).hexdigest()
    (directory / NAME).write_bytes(_spell(content))


def read(directory: Path) -> dict[str, Any]:
    """The manifest's content, checked against its own digest.

    Raises:
        ReleaseError: the folder has no manifest, or the manifest was changed after it was written.
    """
    path = directory / NAME
    try:
        written = path.read_bytes()
    except OSError as error:
        raise ReleaseError(
            f"expected a readable file at {path}, got: {error.strerror}; export the release again"
        ) from error
    damaged = ReleaseError(
        f"expected {path} as it was exported, got a damaged file; export the release again"
    )
    try:
        content = json.loads(written)
    except ValueError as error:
        raise damaged from error
    if not isinstance(content, dict) or _spell(content) != written:
        raise damaged
    digest = content.pop("sha256", None)
    if hashlib.sha256(_spell(content)).hexdigest() != digest:
        raise damaged
    return content


def verify(directory: Path) -> dict[str, Any]:
    """Check every file of a release against its manifest, and return the manifest.

    Raises:
        ReleaseError: a file is missing or differs by a byte; the message names the first one.
    """
    content = read(directory)
    for name, expected in content["files"].items():
        path = directory / name
        try:
            actual = sha256(path)
        except OSError as error:
            raise ReleaseError(
                f"expected a readable file at {path}, got: {error.strerror}; export the release again"
            ) from error
        if actual != expected:
            raise ReleaseError(
                f"expected {path} with SHA-256 {expected[:12]}…, got a damaged file with "
                f"{actual[:12]}…; export the release again"
            )
    return content


def _file_names(directory: Path) -> Iterator[str]:
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.name != NAME:
            yield path.relative_to(directory).as_posix()


def _spell(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()
