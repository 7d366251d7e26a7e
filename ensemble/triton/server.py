"""Run the real Triton over a model repository, and leave nothing behind."""

import json
import os
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from uuid import uuid4

import psutil

from ensemble.feature_store.choice import VARIABLE, ChosenStore
from ensemble.releases.repository import latest_release, release_of
from ensemble.releases.served import release_to_serve, served_version
from ensemble.triton.config import MODEL_NAME
from ensemble.triton.control import KEY, load
from ensemble.triton.installation import find_triton
from ensemble.triton.ports import Ports, reserved_ports
from ensemble.triton.process import await_ready, cause, start, stop
from ensemble.triton.watch import dead_instances_replaced
from stages.artifacts import Artifacts
from stages.atomic import atomic_file
from stages.errors import ShortlistError
from stages.log import logger
from stages.progress import phase

log = logger(__name__)

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Address:
    """Where a running server listens, as ``host:port``; its process id; and its key."""

    http: str
    grpc: str
    metrics: str
    pid: int
    #: Whoever knows it may have the server load a release.
    key: str = field(repr=False)


@dataclass(frozen=True)
class Server:
    """A running Triton."""

    process: subprocess.Popen[bytes]
    address: Address
    log: Path

    def wait(self) -> None:
        """Block until the server ends by itself, which it should not do.

        Raises:
            ShortlistError: it ended; quotes the log.
        """
        status = self.process.wait()
        raise ShortlistError(
            f"expected Triton to keep running, got exit status {status}: {cause(self.log)} "
            f"(full log: {self.log})"
        )


@contextmanager
def running_server(
    artifacts: Artifacts,
    recipe_name: str,
    *,
    host: str = LOOPBACK,
    http_port: int | None = None,
    grpc_port: int | None = None,
    metrics_port: int | None = None,
    store: ChosenStore | None = None,
) -> Iterator[Server]:
    """Start Triton over ``artifacts.model_repository``: ready on entry, gone on exit.

    It serves the published release, or the newest if none was published. While it runs, clients find its
    address in ``artifacts.server_address``; its log is ``artifacts.server_log``. If this process dies,
    Triton stops too (Linux ties it to the thread that enters, which must live as long as the server).
    Without a ``store``, it uses the one that the environment or the release names.

    Raises:
        ShortlistError: no release, a busy port, no Triton, or a release that does not load.
    """
    release = release_to_serve(artifacts, recipe_name)
    with (
        reserved_ports(host, http_port, grpc_port, metrics_port) as ports,
        running_triton(
            artifacts.model_repository,
            artifacts.server_log,
            host=host,
            ports=ports,
            environment=os.environ if store is None else os.environ | {VARIABLE: store.where},
            model=MODEL_NAME,
        ) as server,
        _announced(artifacts.server_address, server.address),
    ):
        if served_version(artifacts) != int(release.name):
            # Published while this server was starting, before `publish` could reach it.
            load(server.address.grpc, server.address.key)
        with dead_instances_replaced(server.process.pid, lambda: _reload(artifacts, server)):
            yield server


@contextmanager
def running_triton(
    repository: Path,
    log: Path,
    *,
    host: str,
    ports: Ports,
    environment: Mapping[str, str],
    model: str | None = None,
) -> Iterator[Server]:
    """Start Triton over any model repository: ready on entry, gone on exit.

    With ``model``, it loads this model, and another version of it when a client with the server's key
    asks for that; without, it loads all models of the repository and keeps them.

    Raises:
        ShortlistError: there is no Triton, or a model does not load.
    """
    shared_memory = f"shortlist_{uuid4().hex}_"
    with tempfile.TemporaryDirectory(prefix="shortlist-triton-") as scratch:
        triton = find_triton(Path(scratch))
        key = secrets.token_hex(32)
        options = _options(repository, host, ports, shared_memory, model, key)
        command = [*triton.command, *options]
        process = start(command, {**environment, **triton.environment}, log)
        try:
            with phase("starting Triton"):
                await_ready(process, f"http://{host}:{ports.http}/v2/health/ready", log)
            address = Address(
                http=f"{host}:{ports.http}",
                grpc=f"{host}:{ports.grpc}",
                metrics=f"{host}:{ports.metrics}",
                pid=process.pid,
                key=key,
            )
            yield Server(process, address, log)
        finally:
            stop(process, shared_memory)


def serve(
    artifacts: Artifacts,
    recipe_name: str,
    *,
    host: str = LOOPBACK,
    http_port: int | None = None,
    grpc_port: int | None = None,
    metrics_port: int | None = None,
    store: ChosenStore | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM. Call it from the main thread, which receives the signals.

    Raises:
        ShortlistError: as ``running_server``, and if Triton stops by itself.
    """
    previous = signal.signal(signal.SIGTERM, _interrupt)
    # Once imported, Polars makes Linux restart a wait after Ctrl-C, and Python would not notice it.
    signal.siginterrupt(signal.SIGINT, True)
    began = time.monotonic()
    try:
        with running_server(
            artifacts,
            recipe_name,
            host=host,
            http_port=http_port,
            grpc_port=grpc_port,
            metrics_port=metrics_port,
            store=store,
        ) as server:
            log.info(f"ready after {time.monotonic() - began:.1f} s")
            log.info(f"release  {_served_and_newer(artifacts, recipe_name)}")
            log.info(f"gRPC     {server.address.grpc}")
            log.info(f"HTTP     http://{server.address.http}/v2/models/{MODEL_NAME}")
            log.info(f"metrics  http://{server.address.metrics}/metrics")
            log.info(f"log      {server.log}")
            log.info("Press Ctrl-C to stop")
            server.wait()
    except KeyboardInterrupt:
        log.info("stopped")
    finally:
        signal.signal(signal.SIGTERM, previous)


def read_address(artifacts: Artifacts) -> Address | None:
    """Where this recipe's server listens, None if none is running."""
    try:
        address = Address(**json.loads(artifacts.server_address.read_text(encoding="utf-8")))
        # A killed server leaves the file behind, and its process id may be reused by now.
        runs = "tritonserver" in " ".join(psutil.Process(address.pid).cmdline())
    except (OSError, ValueError, TypeError, psutil.Error):
        return None
    return address if runs else None


def _reload(artifacts: Artifacts, server: Server) -> None:
    """Have the server load the served release again, beside itself."""
    version = served_version(artifacts)
    release = None if version is None else release_of(artifacts, version)
    if release is not None:
        os.utime(release / "model.py")  # Triton reloads only what looks changed
        load(server.address.grpc, server.address.key)


def _served_and_newer(artifacts: Artifacts, recipe_name: str) -> str:
    served, latest = served_version(artifacts), latest_release(artifacts)
    if latest is None or served is None or int(latest.name) <= served:
        return str(served)
    return f"{served}; {latest.name} is newer: `shortlist publish {recipe_name}` serves it"


def _options(
    repository: Path, host: str, ports: Ports, shared_memory: str, model: str | None, key: str
) -> list[str]:
    controlled = [
        "--model-control-mode=explicit",
        f"--load-model={model}",
        # Ready means that the server answers. By default it would not be ready while it loads another
        # release beside the serving one. If its first release does not load, the server exits by itself.
        "--strict-readiness=false",
    ]
    return [
        *(controlled if model is not None else []),
        f"--http-restricted-api=model-repository:{KEY}={key}",
        f"--grpc-restricted-protocol=model-repository:{KEY}={key}",
        f"--model-repository={repository.absolute()}",
        f"--http-address={host}",
        f"--http-port={ports.http}",
        f"--grpc-address={host}",
        f"--grpc-port={ports.grpc}",
        f"--metrics-address={host}",
        f"--metrics-port={ports.metrics}",
        "--exit-timeout-secs=5",
        # Our own prefix identifies a killed server's shared memory, to remove it.
        f"--backend-config=python,shm-region-prefix-name={shared_memory}",
    ]


@contextmanager
def _announced(path: Path, address: Address) -> Iterator[None]:
    with atomic_file(path) as temporary:
        temporary.touch(mode=0o600)  # the key is only for the owner of the artifacts
        temporary.write_text(json.dumps(asdict(address)) + "\n", encoding="utf-8")
    try:
        yield
    finally:
        with suppress(OSError, ValueError):
            # Another server may have overwritten the file since.
            if json.loads(path.read_text(encoding="utf-8"))["pid"] == address.pid:
                path.unlink()


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
