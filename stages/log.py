"""Loggers of the stages, based on Python's ``logging``.

Every logger is a child of ``shortlist``. The command line sets its level and handlers (``scripts.console``);
in use as a library, Python's defaults apply until the caller sets them.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

ROOT = "shortlist"
LEVELS = ("debug", "info", "warning", "error")


def logger(module: str) -> logging.Logger:
    """The logger of a module: ``log = logger(__name__)``."""
    return logging.getLogger(f"{ROOT}.{module}")


@contextmanager
def quiet() -> Iterator[None]:
    """Log only warnings and errors while the block runs."""
    project = logging.getLogger(ROOT)
    before = project.level
    project.setLevel(max(before, logging.WARNING))
    try:
        yield
    finally:
        project.setLevel(before)
