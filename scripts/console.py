"""Output of the commands: results on standard output, logs and progress on standard error."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import ClassVar

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from stages.log import ROOT


def say(line: str) -> None:
    """Print one line of a result. Brackets in it are plain text, not mark-up."""
    _console().print(line)


def show(renderable: RenderableType) -> None:
    """Print a table, at most as wide as the terminal."""
    _console().print(renderable, soft_wrap=False)


@contextmanager
def logs(level: str, as_json: bool) -> Iterator[None]:
    """Log the stages' messages of at least ``level`` to standard error while the block runs.

    Rich styles them on a terminal; elsewhere they are plain lines. ``as_json``: one object per line, with
    the keys ``time`` (ISO 8601, UTC), ``level``, ``logger`` and ``message``.
    """
    handler = _handler(as_json)
    root = logging.getLogger(ROOT)
    before = root.level, root.propagate
    root.addHandler(handler)
    root.setLevel(level.upper())
    # A library that calls logging.basicConfig() (Merlin does) would have every line printed twice.
    root.propagate = False
    try:
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


class _RowsPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} rows/s")


@contextmanager
def rows_bar() -> Iterator[Callable[[int, int], None]]:
    """A progress bar with rows done, all rows and rows per second; only on a terminal."""
    columns = (TextColumn("rows"), BarColumn(), MofNCompleteColumn(), _RowsPerSecond())
    console = _console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("rows", total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


def _console(stderr: bool = False) -> Console:
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)
