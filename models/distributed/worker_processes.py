"""The workers of a training on this machine: processes that are started, watched and ended together."""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import IO

from models.distributed.workers import VARIABLE
from stages.child_process import dies_with
from stages.errors import ShortlistError

#: How often they are looked at.
POLL_SECONDS = 0.2
#: How long one may take to end when it is asked to.
ENDED_WITHIN_SECONDS = 5.0


def run_workers(command: Sequence[str], count: int) -> int:
    """Run ``command`` in ``count`` processes, which find each other by ``TF_CONFIG``, until all have ended.

    Only the first, the chief, speaks; it prints where this process does. Where one fails the others are
    ended, and so they are when this process is. Returns the chief's status.

    Raises:
        ShortlistError: the variable is set already; another than the chief failed, or one was killed.
    """
    if VARIABLE in os.environ:
        raise ShortlistError(
            f"{VARIABLE} is set, which makes this process a worker itself: unset it, or leave --workers out."
        )
    addresses = free_addresses(count)
    with ExitStack() as stack:
        errors: list[IO[bytes]] = []
        processes: list[subprocess.Popen[bytes]] = []
        stack.callback(_end, processes)
        for rank in range(count):
            errors.append(stack.enter_context(tempfile.TemporaryFile()))
            processes.append(_start(command, addresses, rank, errors[rank]))
        while True:
            statuses = [process.poll() for process in processes]
            if statuses[0] is not None and statuses[0] > 0:
                return statuses[0]  # it has said why
            for rank, status in enumerate(statuses):
                if status:
                    raise ShortlistError(_what_happened(rank, count, status, errors[rank]))
            if None not in statuses:
                return 0
            time.sleep(POLL_SECONDS)


def _start(
    command: Sequence[str], addresses: list[str], rank: int, errors: IO[bytes]
) -> subprocess.Popen[bytes]:
    task = {"type": "worker", "index": rank}
    threads = str(max(1, len(os.sched_getaffinity(0)) // len(addresses)))
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=None if rank == 0 else subprocess.DEVNULL,
        stderr=None if rank == 0 else errors,
        env={
            "OMP_NUM_THREADS": threads,
            "TF_NUM_INTRAOP_THREADS": threads,
            **os.environ,
            VARIABLE: json.dumps({"cluster": {"worker": addresses}, "task": task}),
        },
        # Its own process group: Ctrl-C reaches this process, which ends the workers in its turn.
        start_new_session=True,
        preexec_fn=dies_with(os.getpid()),
    )


def free_addresses(count: int) -> list[str]:
    """Addresses of this machine on which nobody listens now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(ENDED_WITHIN_SECONDS)
        process.kill()
        process.wait()


def _what_happened(rank: int, count: int, status: int, errors: IO[bytes]) -> str:
    errors.seek(0)
    said = errors.read().decode(errors="replace").strip()
    if said:
        print(said, file=sys.stderr)
    how = f"was killed by signal {-status}" if status < 0 else f"failed with status {status}"
    return (
        f"worker {rank} of 0 to {count - 1} {how}, and the others were ended. Train again: it goes on at the "
        "last finished epoch."
    )
