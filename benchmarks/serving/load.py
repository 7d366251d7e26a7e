"""Load from several connections, each of which sends its next request as soon as it has an answer."""

import select
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle

import numpy as np

from benchmarks.serving.connections import Connection


@dataclass
class Load:
    """The measurements of one or several runs."""

    #: Seconds from each request to its answer.
    latencies: list[float] = field(default_factory=list)
    #: Seconds from the first request to the last answer, summed over runs.
    seconds: float = 0.0
    #: CPU seconds of the generator and of the server.
    generator_cpu: float = 0.0
    server_cpu: float = 0.0

    def add(self, other: "Load") -> None:
        """Add another run of the same kind."""
        self.latencies += other.latencies
        self.seconds += other.seconds
        self.generator_cpu += other.generator_cpu
        self.server_cpu += other.server_cpu

    def figures(self) -> dict[str, float]:
        """Milliseconds, requests per second, and CPU milliseconds per request."""
        requests = len(self.latencies)
        p50, p90, p99 = np.percentile(np.array(self.latencies) * 1000, [50, 90, 99])
        return {
            "requests": requests,
            "p50_ms": round(float(p50), 3),
            "p90_ms": round(float(p90), 3),
            "p99_ms": round(float(p99), 3),
            "requests_per_s": round(requests / self.seconds, 1),
            "server_cpu_ms": round(1000 * self.server_cpu / requests, 3),
            "generator_cpu_ms": round(1000 * self.generator_cpu / requests, 3),
        }


def load(
    connections: Sequence[Connection],
    bodies: Sequence[bytes],
    seconds: float,
    server_cpu: Callable[[], float],
) -> Load:
    """Send requests for ``seconds``, then wait for the outstanding answers.

    ``bodies`` are sent in turn. ``server_cpu``: returns the CPU seconds that the server has used so far.

    Raises:
        ConnectionError: a request failed, or no answer arrived for a minute.
    """
    result = Load()
    following = cycle(bodies)
    by_file = {each.socket.fileno(): each for each in connections}
    asked: dict[int, float] = {}
    clock, poll = time.perf_counter, select.epoll()
    for file in by_file:
        poll.register(file, select.EPOLLIN)
    used_by_server, used = server_cpu(), time.process_time()
    began = clock()
    end = began + seconds
    for file, connection in by_file.items():
        asked[file] = clock()
        connection.ask(next(following))
    while asked:
        ready = poll.poll(60)
        if not ready:
            raise ConnectionError(
                f"expected answers to {len(asked)} requests, got none for a minute"
            )
        for file, _ in ready:
            connection = by_file[file]
            if connection.receive() is None:
                continue
            now = clock()
            result.latencies.append(now - asked.pop(file))
            if now < end:
                asked[file] = now
                connection.ask(next(following))
    result.seconds = clock() - began
    result.generator_cpu = time.process_time() - used
    result.server_cpu = server_cpu() - used_by_server
    poll.close()
    return result
