"""Seconds and memory per phase of a training, for ``training.json``."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages.progress import phase

#: Seconds between two samples of the resident memory.
SAMPLED_EVERY = 0.2
#: Where Linux says how much memory this process has; other systems have no such file.
STATUS = Path("/proc/self/status")


@contextmanager
def timed(figures: dict[str, Any], name: str) -> Iterator[None]:
    """Run the block as a phase of the training; record its seconds and the largest memory during it.

    The wall-clock seconds are added to ``figures["seconds"][name]``; ``figures["peak_mb"][name]`` is the
    largest resident memory of this process, in MB of 10^6 bytes. A resumed training counts its last run only.
    """
    began = time.perf_counter()
    peak = Peak()
    try:
        with phase(name), peak.measured():
            yield
    finally:
        seconds = figures.setdefault("seconds", {})
        seconds[name] = round(seconds.get(name, 0.0) + time.perf_counter() - began, 3)
        if peak.bytes:
            peaks = figures.setdefault("peak_mb", {})
            peaks[name] = max(peaks.get(name, 0), round(peak.bytes / 1e6))


class Peak:
    """The largest resident memory of this process during a block: ``bytes``, 0 where it is unknown.

    It is sampled. If the process reaches its largest memory ever within the block, which is the one that
    matters most, the system has recorded it exactly.
    """

    def __init__(self, status: Path = STATUS) -> None:
        self.bytes = 0
        self._status = status

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure while the block runs."""
        before, ended = self.sample(), threading.Event()
        sampling = threading.Thread(target=self._sample_until, args=(ended,), daemon=True)
        sampling.start()
        try:
            yield
        finally:
            ended.set()
            sampling.join()
            after = self.sample()
            if after > before:
                self.bytes = after

    def sample(self) -> int:
        """Record the memory of this moment; return the largest ever of this process."""
        now, ever = resident(self._status)
        self.bytes = max(self.bytes, now)
        return ever

    def _sample_until(self, ended: threading.Event) -> None:
        while not ended.wait(SAMPLED_EVERY):
            self.sample()


def resident(status: Path = STATUS) -> tuple[int, int]:
    """The resident memory of this process now and at its largest, in bytes; 0 and 0 where it is unknown."""
    try:
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        now, ever = (int(lines[key].removesuffix("kB")) * 1024 for key in ("VmRSS", "VmHWM"))
    except (OSError, KeyError):
        return 0, 0
    return now, ever
