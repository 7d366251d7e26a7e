"""Loggers of the stages, based on Python's ``logging``.

Every logger is a child of ``shortlist``. The command line sets its level and handlers (``scripts.console``);
in use as a library, Python's defaults apply until the caller sets them.
"""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

ROOT = "shortlist"
LEVELS = ("debug", "info", "warning", "error")


class _Heard(logging.Filter):
    """Lets every record pass, and remembers when the last one came."""

    def __init__(self) -> None:
        super().__init__()
        self.at = -math.inf

    def filter(self, record: logging.LogRecord) -> bool:
        self.at = time.monotonic()
        return True


_heard = _Heard()


def logger(module: str) -> logging.Logger:
    """The logger of a module: ``log = logger(__name__)``."""
    log = logging.getLogger(f"{ROOT}.{module}")
    log.addFilter(_heard)
    return log


def last_line() -> float:
    """When a stage last logged a line, in seconds of ``time.monotonic``."""
    return _heard.at


@contextmanager
def quiet(*, but_progress: bool = False) -> Iterator[None]:
    """Log only warnings and errors while the block runs, and with ``but_progress`` how far phases are."""
    project, progress = logging.getLogger(ROOT), logging.getLogger(f"{ROOT}.stages.progress")
    before = project.level
    project.setLevel(max(before, logging.WARNING))
    if but_progress:
        progress.setLevel(before)
    try:
        yield
    finally:
        project.setLevel(before)
        progress.setLevel(logging.NOTSET)
