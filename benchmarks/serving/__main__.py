"""Serving, measured: our server against the graph of NVIDIA's example, taking turns in one run.

    python -m benchmarks.serving

The recipe is ``aliccp``, the example's data set (synthetic rows if it is not available): a two-tower
model and a DLRM of Merlin Models, trained by ``shortlist``. Every system has the same models, items,
users and machine, retrieves 100 candidates and returns ten items for one user per request. Only ours
filters out the user's seen items, about a hundred, and looks the user up in a store:

``ours-grpc``, ``ours-http``: our server.
``ours-grpc-heavy``: the same for one user with 100,000 interactions with 200 items, and 1,000 recorded
    events (``benchmarks.serving.heavy_user``); ``p50_heavy`` is its p50 divided by that of ``ours-grpc``.
``stock-path``, ``stock-object``, ``stock-workflow``: Merlin Systems' operators in Triton, in the three
    ways of ``benchmarks.serving.stock_graph``. ``stock-path`` is the fastest; ratios to "stock" refer to it.
``floor``: the same computation by hand in one process, see ``benchmarks.serving.floor``.

Systems take turns in every round, so noise affects all equally. Requests use 1, 4, 16 and 64 connections,
each of which sends the next request as soon as it has the answer. The small load generator
(``benchmarks.serving.connections``) runs on the same cores; its CPU time is printed separately.

Prints a table to stderr, and to stdout one JSON line for each system and number of connections, one with
the ratios to each system, and finally the summary of ours over gRPC: ``p50_ms`` and ``p50_vs_stock`` with
one connection; ``throughput_c16``, ``throughput_vs_stock``, ``p99_ms_c16`` and ``cpu_over_floor`` (the
server's CPU time per request divided by the floor's) with 16. ``…_objects`` are ratios to ``stock-object``.
``memory_mb``: all processes of a server, shared pages counted once. ``ready_s``: from start to ready.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.console import say
from benchmarks.process_group import cpu_seconds, resident_mb
from benchmarks.serving import bodies
from benchmarks.serving.connections import Connection, Grpc, Http
from benchmarks.serving.floor import TOP_K, Floor
from benchmarks.serving.heavy_user import HEAVY, store_with_heavy_user
from benchmarks.serving.load import Load, load
from benchmarks.serving.stock_server import MODEL as STOCK
from benchmarks.serving.stock_server import stock_server
from ensemble.feature_store.choice import ChosenStore
from ensemble.releases.repository import latest_release
from ensemble.triton.config import MODEL_NAME
from ensemble.triton.server import Server, running_server
from recipes.load import load as load_recipe
from stages.artifacts import Artifacts

RECIPE = "aliccp"
CONNECTIONS = (1, 4, 16, 64)
ROUNDS, SECONDS = 3, 1.5
#: Encoding takes so long per request that more connections would only wait.
FEW_CONNECTIONS = (1, 16)
STOCK_WAYS = {"path": CONNECTIONS, "object": CONNECTIONS, "workflow": FEW_CONNECTIONS}


@dataclass
class System:
    """A way to query a running server."""

    name: str
    server: Server
    ready_s: float
    connect: Callable[[], Connection]
    bodies: Sequence[bytes]
    connections: Sequence[int] = CONNECTIONS
    loads: dict[int, Load] = field(default_factory=dict)

    def measure(self, seconds: float) -> None:
        """Measure once with each number of connections."""
        for count in self.connections:
            opened = [self.connect() for _ in range(count)]
            server_cpu = partial(cpu_seconds, self.server.process.pid)
            found = load(opened, self.bodies, seconds, server_cpu)
            self.loads.setdefault(count, Load()).add(found)
            for each in opened:
                each.socket.close()


def main() -> int:
    say("preparing, training and exporting, unless up to date")
    for step in ("prepare", "train", "export"):
        _run("scripts.cli", step, RECIPE)
    recipe, artifacts = load_recipe(RECIPE), Artifacts.of(RECIPE)
    release = latest_release(artifacts)
    assert release is not None  # exported above
    floor = Floor(recipe, artifacts, release)
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory()))
        store = store_with_heavy_user(recipe, artifacts, release, scratch / "store.sqlite")
        systems = _start(stack, scratch, artifacts, floor, store)
        floor_ms = _measure(systems, floor)
        lines = [_line(system, count) for system in systems for count in system.loads]
    lines.append({"system": "floor", "cpu_ms": floor_ms})
    _table(lines)
    by_name = {system.name: system for system in systems}
    for line in (*lines, _ratios(by_name, floor_ms), _summary(by_name, floor_ms)):
        print(json.dumps(line))
    return 0


def _start(
    stack: ExitStack, scratch: Path, artifacts: Artifacts, floor: Floor, store: ChosenStore
) -> list[System]:
    users = floor.user_ids
    ours, ready_s = _started(stack, "our server", running_server(artifacts, RECIPE, store=store))
    systems = [
        System(
            "ours-grpc",
            ours,
            ready_s,
            lambda: Grpc(ours.address.grpc),
            bodies.grpc_bodies(MODEL_NAME, users),
        ),
        System(
            "ours-http",
            ours,
            ready_s,
            lambda: Http(ours.address.http, MODEL_NAME),
            bodies.http_bodies(users),
        ),
    ]
    _same_scores(systems, floor)
    heavy = bodies.grpc_bodies(MODEL_NAME, [HEAVY])
    connect_ours = partial(Grpc, ours.address.grpc)
    systems.append(System("ours-grpc-heavy", ours, ready_s, connect_ours, heavy, (1,)))
    say("saving the models as the example does")
    parts = scratch / "parts"
    parts.mkdir()
    _run("benchmarks.serving.stock_parts", RECIPE, str(parts))
    for way, connections in STOCK_WAYS.items():
        starting = stock_server(RECIPE, artifacts, parts, way, scratch / way)
        server, ready_s = _started(stack, f"the stock graph: {way}", starting)
        connect = partial(Grpc, server.address.grpc)
        rows = bodies.grpc_row_bodies(STOCK, len(users))
        systems.append(System(f"stock-{way}", server, ready_s, connect, rows, connections))
    return systems


def _started(
    stack: ExitStack, name: str, server: AbstractContextManager[Server]
) -> tuple[Server, float]:
    say(f"starting {name}")
    began = time.perf_counter()
    return stack.enter_context(server), time.perf_counter() - began


def _same_scores(systems: Sequence[System], floor: Floor) -> None:
    """Our server must score as the floor does, or the comparison is meaningless."""
    rows = {item_id: row for row, item_id in enumerate(floor.item_ids)}
    for system, read in zip(systems, (bodies.grpc_answer, bodies.http_answer), strict=True):
        connection = system.connect()
        for user in range(0, len(system.bodies), 50):
            connection.ask(system.bodies[user])
            while (answer := connection.receive()) is None:
                pass
            item_ids, scores = read(answer)
            expected = floor.scores(user, np.array([rows[each] for each in item_ids]))
            if len(item_ids) != TOP_K or not np.allclose(scores, expected, atol=1e-4):
                raise SystemExit(
                    f"expected {system.name} to score user {floor.user_ids[user]} as the floor does, "
                    f"{expected}, got {scores}"
                )
        connection.socket.close()


def _measure(systems: Sequence[System], floor: Floor) -> float:
    """Measure the systems in turns; returns the floor's CPU milliseconds per answer."""
    spent, answers = 0.0, 0
    for turn in range(-1, ROUNDS):
        say("warming up" if turn < 0 else f"round {turn + 1} of {ROUNDS}")
        for system in systems:
            system.measure(SECONDS / 3 if turn < 0 else SECONDS)
            if turn < 0:
                system.loads.clear()
        used, count = _floor_cpu(floor, SECONDS)
        if turn >= 0:
            spent, answers = spent + used, answers + count
    return round(1000 * spent / answers, 4)


def _floor_cpu(floor: Floor, seconds: float) -> tuple[float, int]:
    count, used, end = 0, time.process_time(), time.perf_counter() + seconds
    while time.perf_counter() < end:
        rows, _ = floor.recommend(count % len(floor.user_ids))
        assert len([floor.item_ids[row] for row in rows]) == TOP_K
        count += 1
    return time.process_time() - used, count


def _line(system: System, connections: int) -> dict[str, Any]:
    return {
        "system": system.name,
        "connections": connections,
        **system.loads[connections].figures(),
        "memory_mb": resident_mb(system.server.process.pid),
        "ready_s": round(system.ready_s, 2),
    }


def _ratios(systems: dict[str, System], floor_ms: float) -> dict[str, Any]:
    """How many times better ours over gRPC is than each other system."""
    ours = {count: each.figures() for count, each in systems["ours-grpc"].loads.items()}
    ratios: dict[str, Any] = {}
    for name, system in systems.items():
        if not name.startswith("ours-grpc"):
            theirs = {count: each.figures() for count, each in system.loads.items()}
            ratios[name] = {
                "p50": round(theirs[1]["p50_ms"] / ours[1]["p50_ms"], 2),
                "throughput_c16": round(
                    ours[16]["requests_per_s"] / theirs[16]["requests_per_s"], 2
                ),
                "server_cpu_c16": round(theirs[16]["server_cpu_ms"] / ours[16]["server_cpu_ms"], 2),
            }
    return {"ours-grpc_better_than": ratios}


def _summary(systems: dict[str, System], floor_ms: float) -> dict[str, Any]:
    ours = {count: each.figures() for count, each in systems["ours-grpc"].loads.items()}
    stock, objects = (
        {count: each.figures() for count, each in systems[name].loads.items()}
        for name in ("stock-path", "stock-object")
    )
    return {
        "benchmark": "serving",
        "p50_ms": ours[1]["p50_ms"],
        "p50_heavy": round(
            systems["ours-grpc-heavy"].loads[1].figures()["p50_ms"] / ours[1]["p50_ms"], 2
        ),
        "p50_vs_stock": round(stock[1]["p50_ms"] / ours[1]["p50_ms"], 2),
        "throughput_c16": ours[16]["requests_per_s"],
        "throughput_vs_stock": round(ours[16]["requests_per_s"] / stock[16]["requests_per_s"], 2),
        "p50_vs_stock_objects": round(objects[1]["p50_ms"] / ours[1]["p50_ms"], 2),
        "throughput_vs_stock_objects": round(
            ours[16]["requests_per_s"] / objects[16]["requests_per_s"], 2
        ),
        "p99_ms_c16": ours[16]["p99_ms"],
        "cpu_over_floor": round(ours[16]["server_cpu_ms"] / floor_ms, 2),
        "ready_s": round(systems["ours-grpc"].ready_s, 2),
    }


def _table(lines: Sequence[dict[str, Any]]) -> None:
    names = [name for name in lines[0] if name != "system"]
    say("".join(f"{name:>17}" for name in ["", *names]))
    for line in lines[:-1]:
        say(f"{line['system']:>17}" + "".join(f"{line[name]:>17,}" for name in names))
    say(f"{'floor':>17}{lines[-1]['cpu_ms']:>17} ms of CPU time per answer")


def _run(module: str, *arguments: str) -> None:
    """Run a step in a separate process: what it loads must not stay here, next to the load generator."""
    # Its output belongs on stderr: stdout is for the result.
    ended = subprocess.run([sys.executable, "-m", module, *arguments], stdout=sys.stderr)
    if ended.returncode:
        raise SystemExit(f"expected {module} to succeed, got status {ended.returncode}")


if __name__ == "__main__":
    sys.exit(main())
