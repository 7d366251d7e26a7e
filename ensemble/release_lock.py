"""One command at a time changes a recipe's releases."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from recipes.artifacts import Artifacts
from recipes.errors import ShortlistError


class ReleasesBusyError(ShortlistError):
    """Another command changes the releases at this moment."""


@contextmanager
def release_lock(artifacts: Artifacts, command: str) -> Iterator[None]:
    """Hold the lock on ``artifacts``' releases; it is let go of however the process ends.

    ``command`` is what others are told, such as "shortlist export shop".

    Raises:
        ReleasesBusyError: another command holds it; says which, at once.
    """
    path = artifacts.releases_lock
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read() or "a command that has just begun"
            raise ReleasesBusyError(
                f"the releases in {artifacts.model_repository} are being changed by {holder}. "
                "Run this again when that has ended."
            ) from None
        # The file stays: were it removed, two commands could each lock a file of that name.
        file.truncate(0)
        try:
            now = datetime.now().astimezone().isoformat(timespec="seconds")
            file.write(f"`{command}` (process {os.getpid()}, since {now})")
            file.flush()
            yield
        finally:
            file.truncate(0)
