"""TCP ports for a server: those that were asked for, or free ones."""

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from stages.errors import ShortlistError

USUAL = {"http": 8000, "grpc": 8001, "metrics": 8002}


@dataclass(frozen=True)
class Ports:
    http: int
    grpc: int
    metrics: int


@contextmanager
def reserved_ports(
    host: str, http: int | None = None, grpc: int | None = None, metrics: int | None = None
) -> Iterator[Ports]:
    """The given ports; for those not given Triton's usual one, or any free one where that is busy.

    They are this process's until it leaves, among all servers that are started with this function. A server
    takes seconds to bind its ports, and two of them can even bind one gRPC port: gRPC asks Linux to share.

    Raises:
        ShortlistError: a given port is busy or cannot be used.
    """
    asked = {"http": http, "grpc": grpc, "metrics": metrics}
    given = [port for port in asked.values() if port is not None]
    if len(set(given)) < len(given):
        raise ShortlistError(
            f"expected three different ports, got {given}. Leave one out to get a free one."
        )
    with ExitStack() as held:
        chosen: dict[str, int] = {}
        for name, port in asked.items():
            if port is None:
                continue
            problem = _reserve(host, port, held)
            if problem is not None:
                raise ShortlistError(
                    f"expected port {port} on {host} to be free for {name}, got: {problem}. Stop what "
                    f"listens there, choose another with --{name}-port, or leave that out to get a free one."
                )
            chosen[name] = port
        for name, usual in USUAL.items():
            if name not in chosen:
                free = _reserve(host, usual, held) is None
                chosen[name] = usual if free else _any_free(host, held)
        yield Ports(**chosen)


def _reserve(host: str, port: int, held: ExitStack) -> str | None:
    """Take a port until ``held`` is closed; returns why that cannot be, or None."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((host, port))
        except (OSError, OverflowError) as error:
            return getattr(error, "strerror", None) or str(error)
    folder = Path(tempfile.gettempdir()) / f"shortlist-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = held.enter_context((folder / str(port)).open("w"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return "another server of shortlist is being started on it"
    return None


def _any_free(host: str, held: ExitStack) -> int:
    while True:
        with socket.socket() as attempt:
            attempt.bind((host, 0))
            port: int = attempt.getsockname()[1]
        if _reserve(host, port, held) is None:
            return port
