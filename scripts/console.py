"""How commands speak to a person: plain lines on standard output, as they come."""

from rich.console import Console, RenderableType

_console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def say(line: str) -> None:
    """Print one line. Brackets in it are text and not mark-up."""
    _console.print(line)


def show(renderable: RenderableType) -> None:
    """Print a table, as wide as the terminal allows."""
    _console.print(renderable, soft_wrap=False)
