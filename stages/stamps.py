"""Stamps, which show whether a stage's earlier output is still up to date.

A stage writes a stamp next to its output: a small JSON file with the fingerprint of everything that
the output depends on. If the fingerprint has not changed, the stage skips the work.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from stages.atomic import atomic_file

_ROOT = Path(__file__).parent.parent


def fingerprint(
    recipe_tables: Mapping[str, Any], packages: Iterable[str], inputs: Iterable[str] = ()
) -> str:
    """SHA-256 (hex) of what an output depends on.

    Args:
        recipe_tables: the tables of the recipe that the stage reads, ready for JSON; for instance
            ``recipe.model_dump(mode="json", include={"split", "features"})``.
        packages: folders of Python files that produce the output, such as ``"workflows"``, or single files.
        inputs: fingerprints of earlier stages, in a fixed order (see ``stamped``).
    """
    digest = hashlib.sha256()
    digest.update(json.dumps(recipe_tables, sort_keys=True).encode())
    for package in sorted(packages):
        place = _ROOT / package
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0")
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    for one in inputs:
        digest.update(one.encode() + b"\0")
    return digest.hexdigest()


def stamped(stamp: Path) -> str:
    """The fingerprint in a stamp; an empty string if the stamp is missing or damaged."""
    try:
        return str(json.loads(stamp.read_text())["fingerprint"])
    except (OSError, ValueError, TypeError, KeyError):
        return ""


def is_fresh(stamp: Path, fingerprint: str) -> bool:
    """Whether ``stamp`` holds this fingerprint."""
    return stamped(stamp) == fingerprint


def write_stamp(stamp: Path, fingerprint: str) -> None:
    """Write ``fingerprint`` to ``stamp``; a stage writes this last."""
    with atomic_file(stamp) as temporary:
        temporary.write_text(json.dumps({"fingerprint": fingerprint}) + "\n")
