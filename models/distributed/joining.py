"""A process becomes one of the workers that ``TF_CONFIG`` names, and waits for the others."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any

from models.distributed.workers import VARIABLE, Worker, become, is_chief, several
from stages.errors import ShortlistError
from stages.log import logger, quiet

log = logger(__name__)


@contextmanager
def joined() -> Iterator[None]:
    """While the block runs, be one of the workers that ``TF_CONFIG`` names.

    Waits for the others, at the start and at the end. Nothing of TensorFlow may have run before.

    Raises:
        ShortlistError: the variable cannot be used, or another worker has ended before its time.
    """
    addresses, rank = _named()
    if len(addresses) < 2:
        yield
        return
    if rank == 0:
        log.info(f"waiting for all {len(addresses)} workers: {', '.join(addresses)}")
    strategy = _strategy(addresses, rank)
    become(Worker(rank, len(addresses), strategy))
    try:
        with nullcontext() if rank == 0 else quiet():  # the others do the same
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
        become(Worker())


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

    from models.distributed.collectives import from_chief

    # What is written stays written, whatever became of the others.
    with suppress(tf.errors.OpError) if is_chief() else nullcontext():
        from_chief(lambda: None)
