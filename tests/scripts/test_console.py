"""Progress bars."""

import io

import pytest
from rich.console import Console

from scripts import console


@pytest.mark.parametrize("terminal", [True, False])
def test_rows_are_shown_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    """Rows done, all rows and speed; no bar in a file."""
    written = io.StringIO()
    monkeypatch.setattr(
        console,
        "_console",
        lambda stderr: Console(file=written, force_terminal=terminal, width=100),
    )
    with console.rows_bar() as progress:
        for done in (250_000, 500_000):
            progress(done, 1_000_000)
    assert ("500000/1000000" in written.getvalue()) == terminal
    assert ("rows/s" in written.getvalue()) == terminal
