"""Output of the commands: results on standard output, logs and progress on standard error."""

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from typing import ClassVar

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from stages.log import ROOT
from stages.progress import Phase, drawn_by


def say(line: str) -> None:
    """Print one line of a result. Brackets in it are plain text, not mark-up."""
    _console().print(line)


def show(renderable: RenderableType) -> None:
    """Print a table, at most as wide as the terminal."""
    _console().print(renderable, soft_wrap=False)


@contextmanager
def logs(level: str, as_json: bool) -> Iterator[None]:
    """Log the stages' messages of at least ``level`` to standard error while the block runs.

    On a terminal Rich styles them, and draws the progress of long phases; elsewhere they are plain lines.
    ``as_json``: one object per line, with the keys ``time`` (ISO 8601, UTC), ``level``, ``logger`` and
    ``message``.
    """
    handler = _handler(as_json)
    root = logging.getLogger(ROOT)
    before = root.level, root.propagate
    root.addHandler(handler)
    root.setLevel(level.upper())
    # A library that calls logging.basicConfig() (Merlin does) would have every line printed twice.
    root.propagate = False
    drawn = drawn_by(Bars(handler.console)) if isinstance(handler, _OnTerminal) else nullcontext()
    try:
        with drawn:
            yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before[0])
        root.propagate = before[1]


def _handler(as_json: bool) -> logging.Handler:
    if as_json:
        handler: logging.Handler = logging.StreamHandler()
        handler.setFormatter(_Json())
        return handler
    console = _console(stderr=True)
    if not console.is_terminal:
        return logging.StreamHandler()
    return _OnTerminal(console)


class _OnTerminal(logging.Handler):
    """One line per record, coloured from WARNING up, that does not disturb Rich's progress bars."""

    STYLES: ClassVar = {logging.WARNING: "yellow", logging.ERROR: "red"}

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.console = console

    def emit(self, record: logging.LogRecord) -> None:
        self.console.print(self.format(record), style=self.STYLES.get(record.levelno))


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        content = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            content["exception"] = self.formatException(record.exc_info)
        return json.dumps(content, ensure_ascii=False)


class Bars:
    """The running phases as progress bars on a terminal, one below the other."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
        self._bars = Progress(*columns, TimeRemainingColumn(), console=console, transient=True)
        self._tasks: dict[Phase, TaskID] = {}
        self._lock = threading.Lock()  # a thread draws, and a phase that ends

    def show(self, phases: Sequence[Phase]) -> None:
        """Draw these phases and no others."""
        with self._lock:
            for ended in self._tasks.keys() - set(phases):
                self._bars.remove_task(self._tasks.pop(ended))
            for phase in phases:
                if phase not in self._tasks:
                    self._tasks[phase] = self._bars.add_task(phase.name, total=phase.total)
                self._bars.update(self._tasks[phase], completed=phase.done)
            if phases:
                self._bars.start()
            else:
                self._bars.stop()


def _console(stderr: bool = False) -> Console:
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)
