"""Which of the processes this one is that train one model together; alone, unless ``TF_CONFIG`` says so.

``TF_CONFIG`` is TensorFlow's own variable: JSON with the addresses of all workers and the number of this
one. Each has a copy of the model and of the data, and takes a share of every batch's rows; gradients are
averaged (``models.distributed.collectives``), so that the copies stay alike. The first, the chief, alone
writes, speaks and measures.

The strategy of TensorFlow is there for what the workers tell each other. Variables are made outside of its
scope: they are ordinary ones, which are saved, exported and updated as those of a single process.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

VARIABLE = "TF_CONFIG"


@dataclass(frozen=True)
class Worker:
    """Number ``rank`` of ``count``. ``strategy``: TensorFlow's, None for one that works alone."""

    rank: int = 0
    count: int = 1
    strategy: Any = None


_here = Worker()


def worker() -> Worker:
    """Which one this process is now."""
    return _here


def become(here: Worker) -> None:
    """Make this process one of several workers, or one that works alone again."""
    global _here
    _here = here


def several() -> bool:
    return _here.count > 1


def is_chief() -> bool:
    return _here.rank == 0


def share(rows: np.ndarray) -> np.ndarray:
    """This worker's rows of a batch's, [n] or [n, ...]; every worker gets as many.

    What does not divide evenly is filled up with the first rows, which then count twice.
    """
    count = _here.count
    if count == 1:
        return rows
    filling = rows[np.arange(-len(rows) % count) % len(rows)]
    return np.concatenate([rows, filling])[_here.rank :: count]
