"""Which of the processes this one is that train one model together; alone, unless ``TF_CONFIG`` says so.

``TF_CONFIG`` is TensorFlow's own variable: JSON with the addresses of all workers and the number of this
one. Each has a copy of the model and of the data, and takes a share of every batch's rows; gradients are
averaged (``models.collectives``), so that the copies stay alike. The first, the chief, alone writes, speaks
and measures.

The strategy of TensorFlow is there for what the workers tell each other. Variables are made outside of its
scope: they are ordinary ones, which are saved, exported and updated as those of a single process.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from recipes.errors import ShortlistError

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


@contextmanager
def joined(say: Callable[[str], None]) -> Iterator[None]:
    """While the block runs, be one of the workers that ``TF_CONFIG`` names.

    Waits for the others, at the start and at the end. Nothing of TensorFlow may have run before.

    Raises:
        ShortlistError: the variable cannot be used, or another worker has ended before its time.
    """
    global _here
    addresses, rank = _named()
    if len(addresses) < 2:
        yield
        return
    if rank == 0:
        say(f"waiting for all {len(addresses)} workers: {', '.join(addresses)}")
    strategy = _strategy(addresses, rank)
    _here = Worker(rank, len(addresses), strategy)
    try:
        yield
        _wait_for_all()
    except Exception as error:
        if not has_lost_another(error):
            raise
        raise ShortlistError(
            f"another of the {len(addresses)} workers has ended before its time, so worker {rank} ends "
            "as well. See what that one said, and start all of them again: the training goes on at its "
            "last finished epoch."
        ) from error
    finally:
        _here = Worker()


def has_lost_another(error: Exception) -> bool:
    """Whether it is what TensorFlow raises where another worker does not answer any more."""
    import tensorflow as tf

    return several() and isinstance(error, tf.errors.UnavailableError | tf.errors.AbortedError)


def _named() -> tuple[list[str], int]:
    """The addresses of all workers, the chief's first, and the place of this one among them."""
    text = os.environ.get(VARIABLE)
    if not text:
        return [], 0
    expected = (
        f"expected the environment variable {VARIABLE} as in "
        """{"cluster": {"worker": ["host1:4000", "host2:4000"]}, "task": {"type": "worker", "index": 0}}"""
    )
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        kind, index = task["type"], int(task["index"])
        addresses = [*cluster.get("chief", []), *cluster["worker"]]
        rank = index + (len(cluster.get("chief", [])) if kind == "worker" else 0)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ShortlistError(f"{expected}, got {text}") from error
    if not {*cluster} <= {"chief", "worker"} or not 0 <= index < len(cluster.get(kind, [])):
        raise ShortlistError(f"{expected}, or with one chief beside the workers; got {text}")
    return addresses, rank


def _strategy(addresses: list[str], rank: int) -> Any:
    import workflows.merlin_compat  # noqa: F401  isort: skip
    import tensorflow as tf

    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        raise ShortlistError(
            f"worker {rank} cannot join the others as {addresses[rank]}: {error.message}. Give it an "
            f"address of this machine with a free port in {VARIABLE}."
        ) from error
    if strategy.num_replicas_in_sync != len(addresses):
        raise ShortlistError(
            f"expected one GPU at most for each of the {len(addresses)} workers, and there are "
            f"{strategy.num_replicas_in_sync} in all. Start one worker for each GPU, and show it that one "
            "with CUDA_VISIBLE_DEVICES."
        )
    return strategy


def _wait_for_all() -> None:
    import tensorflow as tf

    from models.collectives import from_chief

    # What is written stays written, whatever became of the others.
    with suppress(tf.errors.OpError) if is_chief() else nullcontext():
        from_chief(lambda: None)
