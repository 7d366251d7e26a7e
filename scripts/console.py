"""How commands speak to a person: plain lines on standard output, as they come."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

_console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def say(line: str) -> None:
    """Print one line. Brackets in it are text and not mark-up."""
    _console.print(line)


def show(renderable: RenderableType) -> None:
    """Print a table, as wide as the terminal allows."""
    _console.print(renderable, soft_wrap=False)


class _RowsPerSecond(ProgressColumn):
    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f} rows/s")


@contextmanager
def rows_bar() -> Iterator[Callable[[int, int], None]]:
    """A bar of rows done out of all, and of rows a second, on a terminal; nothing elsewhere."""
    columns = (TextColumn("rows"), BarColumn(), MofNCompleteColumn(), _RowsPerSecond())
    with Progress(*columns, console=_console, disable=not _console.is_terminal) as bar:
        task = bar.add_task("rows", total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)
