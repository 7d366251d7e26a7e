"""The check that a stage's input exists."""

from pathlib import Path

from stages.errors import ShortlistError


def need(path: Path, command: str, recipe: str) -> None:
    """Raise ``ShortlistError`` with the command that creates ``path``, if it does not exist."""
    if not path.exists():
        raise ShortlistError(
            f"expected {path}, found none. Create it with `shortlist {command} {recipe}`."
        )
