"""The project's log lines, captured for tests."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from stages.log import ROOT


class _Lines(logging.Handler):
    def __init__(self, each: Callable[[str], None]) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.each = each

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())
        self.each(self.lines[-1])


@contextmanager
def heard(each: Callable[[str], None] = lambda line: None) -> Iterator[list[str]]:
    """The messages logged while the block runs; ``each`` is called with every one as it is logged."""
    handler, project = _Lines(each), logging.getLogger(ROOT)
    before = project.level
    project.addHandler(handler)
    project.setLevel(logging.INFO)
    try:
        yield handler.lines
    finally:
        project.removeHandler(handler)
        project.setLevel(before)
