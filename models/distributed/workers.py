"""Which worker of a training this process is; the only one, unless ``TF_CONFIG`` names several.

``TF_CONFIG`` is TensorFlow's own variable: JSON with the addresses of all workers and the index of this
one. Each has a copy of the model and of the data, and takes a share of every batch's rows; gradients are
averaged (``models.distributed.collectives``), so the copies stay identical. Only rank 0 writes, logs and
measures.

TensorFlow's strategy is used only for communication between the workers. Variables are created outside its
scope: they are ordinary ones, saved, exported and updated like those of a single process.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

VARIABLE = "TF_CONFIG"


@dataclass(frozen=True)
class Worker:
    """Worker ``rank`` of ``count``. ``strategy``: TensorFlow's, None for a single worker."""

    rank: int = 0
    count: int = 1
    strategy: Any = None


_here = Worker()


def worker() -> Worker:
    """The worker that this process is now."""
    return _here


def become(here: Worker) -> None:
    """Make this process one of several workers, or a single one again."""
    global _here
    _here = here


def several() -> bool:
    return _here.count > 1


def is_chief() -> bool:
    return _here.rank == 0


def share(rows: np.ndarray) -> np.ndarray:
    """This worker's share of a batch's rows, [n] or [n, ...]; all shares have the same size.

    If the rows do not divide evenly, the first ones fill up the shares and count twice.
    """
    count = _here.count
    if count == 1:
        return rows
    filling = rows[np.arange(-len(rows) % count) % len(rows)]
    return np.concatenate([rows, filling])[_here.rank :: count]
