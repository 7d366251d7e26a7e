"""The images' HEALTHCHECK, run unchanged except for the port."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from ensemble.triton.ports import USUAL
from ensemble.triton.server import Server
from tests.containers.dockerfile import ROOT, read_stages


def _healthy(port: int) -> bool:
    (text,) = read_stages((ROOT / "Dockerfile").read_text())["cpu"].texts("HEALTHCHECK")
    words = json.loads(text[text.index("[") :])
    assert words[:2] == ["python", "-c"]
    assert f", {USUAL['http']}," in words[2]
    code = words[2].replace(f", {USUAL['http']},", f", {port},")
    # A proxy, even one that does not answer, must not matter.
    environment = {"http_proxy": "http://127.0.0.1:9"}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=20)
    return ended.returncode == 0


@contextmanager
def _answering(status: int) -> Iterator[int]:
    """A server that answers everything with one status; yields its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_a_triton_that_serves_is_healthy(server: Server) -> None:
    """A real Triton with a loaded model passes."""
    assert _healthy(int(server.address.http.rpartition(":")[2]))


def test_a_triton_that_is_not_ready_is_unhealthy() -> None:
    """Triton answers 400 until its models are loaded; a port where nothing listens is unhealthy, too."""
    with _answering(200) as port:
        assert _healthy(port)
    with _answering(400) as port:
        assert not _healthy(port)
    assert not _healthy(port)
