"""What to say when a stage's input is not there yet."""

from pathlib import Path

from stages.errors import ShortlistError


def need(path: Path, command: str, recipe: str) -> None:
    """Raise ``ShortlistError`` with the command that makes ``path``, where it does not exist."""
    if not path.exists():
        raise ShortlistError(
            f"{path} is missing. This command makes it: shortlist {command} {recipe}"
        )
