"""A real Redis for a test, on a free port, that keeps nothing on disk."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NoConnectionError


class RedisServer:
    """``redis-server`` on one port; it can be stopped and started again, empty."""

    def __init__(self, program: str) -> None:
        self._program = program
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start it; return once it answers."""
        where = ["--bind", "127.0.0.1", "--port", str(self.port)]
        self._process = subprocess.Popen(
            [self._program, *where, "--save", "", "--appendonly", "no", *options],
            stdout=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                # An answer that asks for a password is an answer, too.
                self.ask("PING")
                return
            except NoConnectionError:
                time.sleep(0.02)
        raise AssertionError("redis-server does not answer")

    def ask(self, *words: str) -> object:
        """The server's answer to one command."""
        with Redis.from_url(self.url, decode_responses=True) as redis:
            return redis.execute_command(*words)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Connections are accepted (by the system), and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)


@contextmanager
def running_redis() -> Iterator[RedisServer]:
    """A server for the block; the test skips if there is no ``redis-server``."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server: apt-get install redis-server")
    server = RedisServer(program)
    server.start()
    try:
        yield server
    finally:
        server.stop()
