"""What the stages report while they work, by Python's ``logging``.

Every logger is a child of ``shortlist``, whose level and handlers are for whoever runs the stages to set: the
command line does (``scripts.console``); used as a library, Python's own defaults hold.
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
    """While the block runs, nothing below a warning is logged."""
    project = logging.getLogger(ROOT)
    before = project.level
    project.setLevel(max(before, logging.WARNING))
    try:
        yield
    finally:
        project.setLevel(before)
