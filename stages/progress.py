"""How far a long phase is: bars on a terminal, elsewhere a line whenever nothing was logged for ten seconds.

Wrap what may take long::

    with phase("alternating least squares"): ...
    for start in progress("candidates", range(0, users, 256)): ...

Phases may be nested; a line is about the innermost. A thread watches the running phases, so that one long
computation, or one long part, is not silent either.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from contextlib import contextmanager
from logging import INFO
from typing import Protocol, TypeVar

from stages.log import last_line, logger

log = logger(__name__)

T = TypeVar("T")
#: The longest silence in seconds; a phase that took longer says at its end how long it took.
SILENCE = 10.0
#: Seconds between two looks at the running phases.
LOOK = 0.5


class Phase:
    """A running phase: ``done`` of ``total`` parts, None if there is nothing to count."""

    def __init__(self, name: str, total: int | None, began: float) -> None:
        self.name, self.total, self.began = name, total, began
        self.done = 0

    def advance(self, parts: int = 1) -> None:
        """Count further parts as done."""
        self.done += parts

    def left(self, now: float) -> float | None:
        """Estimate the seconds that are left, from those that the finished parts took."""
        if not self.done or not self.total:
            return None
        return (now - self.began) * max(self.total - self.done, 0) / self.done

    def line(self, now: float) -> str:
        """Say how far the phase is."""
        left = self.left(now)
        if left is not None and self.total:
            share = min(self.done / self.total, 1.0)
            return f"{self.name}: {100 * share:.0f} %, about {duration(left)} left"
        if now - self.began < 1:
            return f"{self.name}: started"
        return f"{self.name}: running for {duration(now - self.began)}"


class Display(Protocol):
    """Draws the running phases."""

    def show(self, phases: Sequence[Phase]) -> None:
        """Draw them, the outermost first; none: remove what was drawn."""


class Phases:
    """The phases that run in this process.

    Args:
        clock: the time in seconds. ``heard``: when the last line was logged, by the same clock.
        watched: whether a thread looks at the phases while there are any; else ``look`` must be called.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        heard: Callable[[], float] = last_line,
        watched: bool = True,
    ) -> None:
        self.display: Display | None = None
        self._clock, self._heard = clock, heard
        self._running: list[Phase] = []
        self._silent_since = clock()
        self._lock = threading.Lock()
        self._watched, self._watching = watched, False

    @contextmanager
    def phase(self, name: str, total: int | None = None) -> Iterator[Phase]:
        """Run the block as a phase; its parts are counted with ``Phase.advance``."""
        running = Phase(name, total, self._clock())
        self._enter(running)
        try:
            yield running
        finally:
            self._running.remove(running)
            self.look()
        took = self._clock() - running.began
        if took >= SILENCE:
            log.info(f"{name}: took {duration(took)}")

    def progress(self, name: str, parts: Iterable[T], total: int | None = None) -> Iterator[T]:
        """Yield the parts, as a phase of as many; ``total``: their number, if they have no length."""
        if total is None and isinstance(parts, Sized):
            total = len(parts)
        with self.phase(name, total) as running:
            for part in parts:
                yield part
                running.advance()

    def look(self) -> None:
        """Draw the running phases, or log a line about the innermost if the silence was long enough."""
        running, now = list(self._running), self._clock()
        if self.display is not None:
            self.display.show(running if log.isEnabledFor(INFO) else ())
        elif running and now - max(self._silent_since, self._heard()) >= SILENCE:
            self._silent_since = now
            log.info(running[-1].line(now))

    @contextmanager
    def drawn_by(self, display: Display) -> Iterator[None]:
        """Draw the running phases with ``display`` while the block runs, instead of logging lines."""
        self.display = display
        try:
            yield
        finally:
            self.display = None
            display.show(())

    def _enter(self, phase: Phase) -> None:
        with self._lock:
            if not self._running:
                self._silent_since = phase.began
            self._running.append(phase)
            if self._watched and not self._watching:
                self._watching = True
                threading.Thread(target=self._watch, name="progress", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK)
            with self._lock:
                if not self._running:
                    self._watching = False
                    return
            self.look()


_here = Phases()
phase, progress, drawn_by = _here.phase, _here.progress, _here.drawn_by


def duration(seconds: float) -> str:
    """Round seconds for a reader: ``40 s``, ``12 min``, ``2.5 h``."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"
