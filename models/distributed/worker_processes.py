"""Worker processes of a training on this machine: started, watched and stopped together."""

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

#: Time between checks of the processes.
POLL_SECONDS = 0.2
#: How long a process may take to end after SIGTERM, before it is killed.
ENDED_WITHIN_SECONDS = 5.0


def run_workers(command: Sequence[str], count: int) -> int:
    """Run ``command`` in ``count`` processes, which find each other by ``TF_CONFIG``, until all have ended.

    Only rank 0 prints, to this process's output. If a process fails, the others are stopped; if this process
    ends, all are. Returns rank 0's exit status.

    Raises:
        ShortlistError: the variable is already set; a process other than rank 0 failed, or any was killed.
    """
    if VARIABLE in os.environ:
        raise ShortlistError(
            f"expected {VARIABLE} to be unset, got a value, which makes this process a worker itself. "
            "Unset it, or leave out --workers."
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
                return statuses[0]  # it has printed why
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
        # A separate process group: Ctrl-C reaches only this process, which then stops the workers.
        start_new_session=True,
        preexec_fn=dies_with(os.getpid()),
    )


def free_addresses(count: int) -> list[str]:
    """Addresses of this machine with ports that are free now."""
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
    output = errors.read().decode(errors="replace").strip()
    if output:
        print(output, file=sys.stderr)
    how = f"was killed by signal {-status}" if status < 0 else f"failed with status {status}"
    return (
        f"expected workers 0 to {count - 1} to finish, got worker {rank}, which {how}. The others were "
        "stopped. Train again: the training resumes after its last finished epoch."
    )
