"""Serving with ten thousand to five million items: latency, index, memory.

    python -m benchmarks.scale [--items N ...]

For each size, a synthetic recommender (``benchmarks.scale.parts``) is exported like any recipe and served by
a real Triton; one connection requests one user at a time over gRPC, with 100 candidates and top 10. All
servers run at once and take turns, so noise affects all equally.

Prints one JSON line per size, then the summary:

``p50_ms``, ``p90_ms``, ``p99_ms``: latency of a whole request.
``recall_at_100``: of the index, against exact search, for 256 users (as export measures it).
``build_s``, ``index_mb``, ``release_mb``: building the index alone, its file, the whole release.
``export_s``, ``ready_s``, ``memory_mb``: the export; start to ready; all processes of the server, with
    shared pages counted once.
``p50_1m_over_10k``, ``recall_at_100_1m``: the summary, if both sizes ran.
"""

import argparse
import json
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.console import say
from benchmarks.process_group import cpu_seconds, resident_mb
from benchmarks.scale.embeddings import made_up
from benchmarks.scale.parts import scale_recipe, write_parts
from benchmarks.serving.bodies import grpc_bodies
from benchmarks.serving.connections import Grpc
from benchmarks.serving.load import Load, load
from ensemble.releases.export import export
from ensemble.triton.config import MODEL_NAME
from ensemble.triton.server import Server, running_server
from runtime import manifest
from stages.artifacts import Artifacts

ITEMS = (10_000, 100_000, 1_000_000, 5_000_000)
USERS = 1_000
ROUNDS, SECONDS = 5, 2.0


@dataclass
class Size:
    """A catalogue, its server and its measurements."""

    items: int
    server: Server
    facts: dict[str, Any]
    load: Load = field(default_factory=Load)

    def measure(self, seconds: float) -> Load:
        connection = Grpc(self.server.address.grpc)
        bodies = grpc_bodies(MODEL_NAME, [f"u{user}" for user in range(USERS)])
        found = load([connection], bodies, seconds, partial(cpu_seconds, self.server.process.pid))
        connection.socket.close()
        return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--items", type=int, nargs="+", default=ITEMS, metavar="N")
    wanted = parser.parse_args().items
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory(prefix="shortlist-scale-")))
        sizes = [_size(stack, scratch, items) for items in wanted]
        for turn in range(-1, ROUNDS):
            say("warming up" if turn < 0 else f"round {turn + 1} of {ROUNDS}")
            for size in sizes:
                found = size.measure(SECONDS)
                if turn >= 0:
                    size.load.add(found)
        lines = {size.items: _line(size) for size in sizes}
    for line in lines.values():
        print(json.dumps(line))
    summary: dict[str, Any] = {"benchmark": "scale"}
    if {10_000, 1_000_000} <= lines.keys():
        ratio = lines[1_000_000]["p50_ms"] / lines[10_000]["p50_ms"]
        summary["p50_1m_over_10k"] = round(ratio, 2)
        summary["recall_at_100_1m"] = lines[1_000_000]["recall_at_100"]
    print(json.dumps(summary))
    return 0


def _size(stack: ExitStack, scratch: Path, items: int) -> Size:
    say(f"generating {items:,} items")
    recipe = scale_recipe(items)
    artifacts = Artifacts(scratch / recipe.name)
    write_parts(artifacts, made_up(items, USERS))
    say("exporting")
    began = time.perf_counter()
    release = export(recipe, artifacts, force=False)
    exported = time.perf_counter()
    server = stack.enter_context(running_server(artifacts, recipe.name))
    ready = time.perf_counter()
    index = manifest.read(release)["index"]
    files = [path for path in release.rglob("*") if path.is_file()]
    facts = {
        "index": index["kind"],
        "recall_at_100": round(index["recall"], 4),
        "build_s": index["build_s"],
        "index_mb": _mb([release / "index.faiss"]),
        "release_mb": _mb(files),
        "export_s": round(exported - began, 1),
        "ready_s": round(ready - exported, 2),
    }
    return Size(items, server, facts)


def _line(size: Size) -> dict[str, Any]:
    figures = size.load.figures()
    shown = {name: figures[name] for name in ("p50_ms", "p90_ms", "p99_ms", "server_cpu_ms")}
    memory = resident_mb(size.server.process.pid)
    return {"items": size.items, **shown, **size.facts, "memory_mb": memory}


def _mb(files: list[Path]) -> float:
    return round(sum(path.stat().st_size for path in files) / 1e6, 1)


if __name__ == "__main__":
    sys.exit(main())
