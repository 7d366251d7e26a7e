"""Serving, measured: our server beside the stock Merlin Systems graph, in one run, in turns.

Prints one JSON line; what is going on goes to stderr. Both serve the same models and items from
real Triton servers on this machine, asked over gRPC by one client that shares its cores:

``p50_ms``, ``p99_ms``: one request of one user at a time, 100 candidates, top 10.
``requests_per_s``: from 16 connections.
``ready_s``: from start to ready.
``memory_mb``: resident, all processes of a server together.
``p50_vs_stock``: how many times shorter the median is.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory

import numpy as np
import tritonclient.grpc

from ensemble.ports import choose_ports
from ensemble.releases import latest_release
from ensemble.server import LOOPBACK, Server, running_server, running_triton
from ensemble.triton_config import MODEL_NAME
from recipes.artifacts import Artifacts
from scripts.cli import main as shortlist

RECIPE = "movielens-100k"
ROOT = Path(__file__).parents[1]
ROUNDS, REQUESTS_PER_ROUND = 20, 50
CONNECTIONS, SECONDS = 16, 5.0
USERS = 943

#: Sends one request for the n-th user.
Ask = Callable[[tritonclient.grpc.InferenceServerClient, int], object]


@dataclass(frozen=True)
class System:
    """A server under test."""

    name: str
    server: Server
    ready_s: float
    ask: Ask


def main() -> int:
    _say("prepare, train and export what is not up to date")
    for step in ("prepare", "train", "export"):
        # Its output belongs on stderr: stdout is for the result.
        stdout, sys.stdout = sys.stdout, sys.stderr
        try:
            status = shortlist([step, RECIPE])
        finally:
            sys.stdout = stdout
        if status:
            return status
    artifacts = Artifacts.of(RECIPE)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory()))
        systems = [
            _system(stack, "ours", lambda: running_server(artifacts, RECIPE), _ask_ours),
            _system(stack, "stock", lambda: _stock_server(artifacts, scratch), _ask_stock),
        ]
        latencies = _latencies(systems)
        ours, stock = (_figures(system, latencies[system.name]) for system in systems)
    result: dict[str, object] = {"benchmark": "serving", **ours}
    result |= {f"stock_{name}": value for name, value in stock.items()}
    result["p50_vs_stock"] = round(stock["p50_ms"] / ours["p50_ms"], 2)
    release = latest_release(artifacts)
    result["release"] = release.name if release else None
    print(json.dumps(result))
    return 0


def _system(
    stack: ExitStack, name: str, start: Callable[[], AbstractContextManager[Server]], ask: Ask
) -> System:
    _say(f"start {name}")
    began = time.perf_counter()
    server = stack.enter_context(start())
    return System(name, server, time.perf_counter() - began, ask)


@contextmanager
def _stock_server(artifacts: Artifacts, scratch: Path) -> Iterator[Server]:
    model = scratch / "repository" / "stock"
    (model / "1").mkdir(parents=True)
    copyfile(Path(__file__).with_name("stock_model.py"), model / "1" / "model.py")
    given = {"root": ROOT, "artifacts": artifacts.root.absolute(), "recipe": RECIPE}
    parameters = "\n".join(
        f'parameters {{ key: "{name}" value {{ string_value: "{value}" }} }}'
        for name, value in given.items()
    )
    (model / "config.pbtxt").write_text(
        f"""name: "stock"
backend: "python"
input [ {{ name: "user_row" data_type: TYPE_INT64 dims: [ -1, 1 ] }} ]
output [
  {{ name: "ordered_ids" data_type: TYPE_INT32 dims: [ -1, -1 ] }},
  {{ name: "ordered_scores" data_type: TYPE_FP32 dims: [ -1, -1 ] }}
]
instance_group [ {{ kind: KIND_CPU count: 1 }} ]
{parameters}
""",
        encoding="utf-8",
    )
    with running_triton(
        scratch / "repository",
        scratch / "stock.log",
        host=LOOPBACK,
        ports=choose_ports(LOOPBACK),
        environment={"TF_CPP_MIN_LOG_LEVEL": "2"},
    ) as server:
        yield server


def _ask_ours(client: tritonclient.grpc.InferenceServerClient, number: int) -> object:
    user = tritonclient.grpc.InferInput("user_id", [1, 1], "BYTES")
    user.set_data_from_numpy(np.array([[str(1 + number % USERS).encode()]], dtype=object))
    return client.infer(MODEL_NAME, [user]).as_numpy("item_ids")


def _ask_stock(client: tritonclient.grpc.InferenceServerClient, number: int) -> object:
    user = tritonclient.grpc.InferInput("user_row", [1, 1], "INT64")
    user.set_data_from_numpy(np.array([[number % USERS]], dtype=np.int64))
    return client.infer("stock", [user]).as_numpy("ordered_ids")


def _latencies(systems: list[System]) -> dict[str, list[float]]:
    """Seconds of single requests, the systems in turns, so that noise falls on all alike."""
    _say("one request at a time")
    taken: dict[str, list[float]] = {system.name: [] for system in systems}
    clients = {
        system.name: tritonclient.grpc.InferenceServerClient(system.server.address.grpc)
        for system in systems
    }
    for turn in range(-1, ROUNDS):  # the first round warms up
        for system in systems:
            for number in range(REQUESTS_PER_ROUND):
                began = time.perf_counter()
                system.ask(clients[system.name], turn * REQUESTS_PER_ROUND + number)
                if turn >= 0:
                    taken[system.name].append(time.perf_counter() - began)
    for client in clients.values():
        client.close()
    return taken


def _figures(system: System, latencies: list[float]) -> dict[str, float]:
    milliseconds = np.array(latencies) * 1000
    return {
        "p50_ms": round(float(np.percentile(milliseconds, 50)), 3),
        "p99_ms": round(float(np.percentile(milliseconds, 99)), 3),
        "requests_per_s": round(_throughput(system), 1),
        "ready_s": round(system.ready_s, 2),
        "memory_mb": round(_resident_bytes(system.server.process.pid) / 1e6, 1),
    }


def _throughput(system: System) -> float:
    _say(f"{CONNECTIONS} connections to {system.name}")
    counts = [0] * CONNECTIONS
    end = time.perf_counter() + SECONDS

    def work(worker: int) -> None:
        client = tritonclient.grpc.InferenceServerClient(system.server.address.grpc)
        while time.perf_counter() < end:
            system.ask(client, worker * 59 + counts[worker])
            counts[worker] += 1
        client.close()

    workers = [threading.Thread(target=work, args=(worker,)) for worker in range(CONNECTIONS)]
    began = time.perf_counter()
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    return sum(counts) / (time.perf_counter() - began)


def _resident_bytes(group: int) -> int:
    """Resident memory of a process group; shared pages are counted for each process."""
    total = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == group:
                    text = (entry / "status").read_text()
                    total += 1024 * int(text.partition("VmRSS:")[2].split()[0])
            except (OSError, IndexError):
                continue  # it ended meanwhile
    return total


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
