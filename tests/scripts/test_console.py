"""Progress bars."""

import io

from rich.console import Console

from scripts.console import Bars
from stages.progress import Phase


def test_running_phases_are_bars() -> None:
    """Each with its share; a phase that ended has none, and at the end nothing is left on the screen."""
    written = io.StringIO()
    bars = Bars(Console(file=written, force_terminal=True, width=100))
    outer, inner = Phase("training", None, began=0), Phase("epoch 1 of 8", 4, began=0)
    inner.advance()
    bars.show([outer, inner])
    shown = written.getvalue()
    assert "training" in shown
    assert "epoch 1 of 8" in shown
    assert "25%" in shown
    written.truncate(0)
    bars.show([outer])
    bars.show([])
    assert "epoch 1 of 8" not in written.getvalue()
