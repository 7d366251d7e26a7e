"""Seconds per phase of a training, for ``training.json``."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def timed(figures: dict[str, Any], phase: str) -> Iterator[None]:
    """Add the wall-clock seconds of the block to ``figures["seconds"][phase]``.

    A resumed training counts its last run only.
    """
    began = time.perf_counter()
    try:
        yield
    finally:
        seconds = figures.setdefault("seconds", {})
        seconds[phase] = round(seconds.get(phase, 0.0) + time.perf_counter() - began, 3)
