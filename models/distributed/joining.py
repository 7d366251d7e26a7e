"""Make this process one of the workers that ``TF_CONFIG`` names, and wait for the others."""

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
    """While the block runs, this process is one of the workers that ``TF_CONFIG`` names.

    It waits for the others at the start and at the end. TensorFlow must not have run any operation before.

    Raises:
        ShortlistError: the variable is invalid, or another worker has stopped early.
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
        with nullcontext() if rank == 0 else quiet():  # the others would log the same
            yield
        _wait_for_all()
    except Exception as error:
        if not has_lost_another(error):
            raise
        raise ShortlistError(
            f"expected all {len(addresses)} workers to run to the end, got one that stopped early, so worker "
            f"{rank} stops as well. Read that worker's output, and start all of them again: the training "
            "resumes after its last finished epoch."
        ) from error
    finally:
        become(Worker())


def has_lost_another(error: Exception) -> bool:
    """Whether ``error`` is what TensorFlow raises when another worker no longer answers."""
    import tensorflow as tf

    return several() and isinstance(error, tf.errors.UnavailableError | tf.errors.AbortedError)


def _named() -> tuple[list[str], int]:
    """The addresses of all workers, rank 0 first, and the rank of this one."""
    text = os.environ.get(VARIABLE)
    if not text:
        return [], 0
    expected = (
        f"expected the environment variable {VARIABLE} to be like "
        """{"cluster": {"worker": ["host1:4000", "host2:4000"]}, "task": {"type": "worker", "index": 0}}"""
    )
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        kind, index = task["type"], int(task["index"])
        addresses = [*cluster.get("chief", []), *cluster["worker"]]
        rank = index + (len(cluster.get("chief", [])) if kind == "worker" else 0)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ShortlistError(f"{expected}, got {text}; correct or unset it") from error
    if not {*cluster} <= {"chief", "worker"} or not 0 <= index < len(cluster.get(kind, [])):
        raise ShortlistError(
            f"{expected}, with or without a chief, got {text}; correct or unset it"
        )
    return addresses, rank


def _strategy(addresses: list[str], rank: int) -> Any:
    import tensorflow as tf

    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except tf.errors.OpError as error:
        raise ShortlistError(
            f"expected worker {rank} to join the others as {addresses[rank]}, got: {error.message}. Give it "
            f"an address of this machine with a free port in {VARIABLE}."
        ) from error
    if strategy.num_replicas_in_sync != len(addresses):
        raise ShortlistError(
            f"expected at most one GPU for each of the {len(addresses)} workers, got "
            f"{strategy.num_replicas_in_sync} in all. Start one worker per GPU, and make only that GPU "
            "visible to it with CUDA_VISIBLE_DEVICES."
        )
    return strategy


def _wait_for_all() -> None:
    import tensorflow as tf

    from models.distributed.collectives import from_chief

    # Rank 0 has already written its output, so losing another worker here does not matter.
    with suppress(tf.errors.OpError) if is_chief() else nullcontext():
        from_chief(lambda: None)
