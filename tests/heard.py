"""What the project logs, for tests to look at."""

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
    """The messages that are logged while the block runs; ``each`` is called with every one as it comes."""
    handler, project = _Lines(each), logging.getLogger(ROOT)
    before = project.level
    project.addHandler(handler)
    project.setLevel(logging.INFO)
    try:
        yield handler.lines
    finally:
        project.removeHandler(handler)
        project.setLevel(before)
