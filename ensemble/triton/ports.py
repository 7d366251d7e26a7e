"""TCP ports for a server: those that were asked for, or free ones."""

import socket
from dataclasses import dataclass

from stages.errors import ShortlistError

USUAL = {"http": 8000, "grpc": 8001, "metrics": 8002}


@dataclass(frozen=True)
class Ports:
    http: int
    grpc: int
    metrics: int


def choose_ports(
    host: str, http: int | None = None, grpc: int | None = None, metrics: int | None = None
) -> Ports:
    """The given ports; for those not given Triton's usual one, or any free one where that is busy.

    Raises:
        ShortlistError: a given port is busy or cannot be used.
    """
    asked = {"http": http, "grpc": grpc, "metrics": metrics}
    given = [port for port in asked.values() if port is not None]
    if len(set(given)) < len(given):
        raise ShortlistError(
            f"expected three different ports, got {given}. Leave one out to get a free one."
        )
    chosen: dict[str, int] = {}
    for name, port in asked.items():
        if port is None:
            continue
        problem = _problem(host, port)
        if problem is not None:
            raise ShortlistError(
                f"port {port} on {host} cannot be used for {name} ({problem}). Stop what listens "
                f"there, choose another with --{name}-port, or leave that out to get a free one."
            )
        chosen[name] = port
    for name, usual in USUAL.items():
        if name not in chosen:
            taken = {*chosen.values()}
            free = usual not in taken and _problem(host, usual) is None
            chosen[name] = usual if free else _any_free(host, taken)
    return Ports(**chosen)


def _problem(host: str, port: int) -> str | None:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((host, port))
        except (OSError, OverflowError) as error:
            return getattr(error, "strerror", None) or str(error)
    return None


def _any_free(host: str, taken: set[int]) -> int:
    while True:
        with socket.socket() as attempt:
            attempt.bind((host, 0))
            port: int = attempt.getsockname()[1]
        if port not in taken:
            return port
