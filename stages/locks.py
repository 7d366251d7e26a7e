"""Locks for work that only one process at a time may do."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from stages.errors import ShortlistError


@contextmanager
def locked(path: Path, command: str, busy: Callable[[str], ShortlistError]) -> Iterator[None]:
    """Hold the lock file at ``path``; the system releases it however the process ends.

    ``command``, such as "shortlist export shop", identifies the holder to other processes. If another
    process holds the lock, raises at once the error that ``busy`` returns for a description of the holder.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise busy(file.read() or "a command that has just started") from None
        # Never remove the file: otherwise two commands could each lock a file of that name.
        file.truncate(0)
        try:
            now = datetime.now().astimezone().isoformat(timespec="seconds")
            file.write(f"`{command}` (process {os.getpid()}, since {now})")
            file.flush()
            yield
        finally:
            file.truncate(0)
