"""TCP ports for a server: the requested ones, or free ones."""

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
    """Reserve the given ports; for one not given, Triton's default, or any free port if that is busy.

    Until the block ends, no other server started with this function gets them. A server takes seconds to bind
    its ports, and two servers can even bind the same gRPC port, because gRPC asks Linux to share it.

    Raises:
        ShortlistError: a given port is busy or cannot be used.
    """
    requested = {"http": http, "grpc": grpc, "metrics": metrics}
    given = [port for port in requested.values() if port is not None]
    if len(set(given)) < len(given):
        raise ShortlistError(
            f"expected three different ports, got {given}. Leave one out to get a free one."
        )
    with ExitStack() as held:
        chosen: dict[str, int] = {}
        for name, port in requested.items():
            if port is None:
                continue
            problem = _reserve(host, port, held)
            if problem is not None:
                raise ShortlistError(
                    f"expected port {port} on {host} to be free for {name}, got: {problem}. "
                    f"Stop what is listening there, choose another with --{name}-port, "
                    "or omit that to get a free one."
                )
            chosen[name] = port
        for name, usual in USUAL.items():
            if name not in chosen:
                free = _reserve(host, usual, held) is None
                chosen[name] = usual if free else _any_free(host, held)
        yield Ports(**chosen)


def _reserve(host: str, port: int, held: ExitStack) -> str | None:
    """Take a port until ``held`` is closed; returns the reason if that fails, or None."""
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
        return "another shortlist server is starting on it"
    return None


def _any_free(host: str, held: ExitStack) -> int:
    while True:
        with socket.socket() as attempt:
            attempt.bind((host, 0))
            port: int = attempt.getsockname()[1]
        if _reserve(host, port, held) is None:
            return port
