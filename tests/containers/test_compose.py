"""compose.yml is valid, and its parts fit each other, the images and the commands."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from ensemble.feature_store.choice import VARIABLE
from ensemble.triton.ports import USUAL
from recipes.load import known_recipes
from scripts.cli import parser_for
from tests.containers.dockerfile import ROOT, read_stages

TEXT = (ROOT / "compose.yml").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
STAGES = read_stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))


def _without_variables(text: str) -> str:
    """As compose reads it if no variable is set: ``${NAME:-default}``, and ``$$`` for ``$``."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text).replace("$$", "$")


def _valid(path: Path) -> bool:
    """By check-jsonschema's copy of the Compose Specification's schema."""
    check = Path(sys.executable).with_name("check-jsonschema")
    command = [str(check), "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_it_keeps_to_the_compose_specification(tmp_path: Path) -> None:
    """The file is valid; with a misspelt key or a wrong type it would not be."""
    assert _valid(ROOT / "compose.yml")
    for number, (right, wrong) in enumerate(
        {"    ports:": "    prots:", "init: true": "init: [1]"}.items()
    ):
        assert right in TEXT
        broken = tmp_path / f"broken-{number}.yml"
        broken.write_text(TEXT.replace(right, wrong))
        assert not _valid(broken)


def test_only_what_is_used_starts_by_itself() -> None:
    """Redis starts only with its profile, and `release` waits for it only then."""
    assert set(SERVICES) == {"release", "triton", "prometheus", "grafana", "redis"}
    behind = {name for name, service in SERVICES.items() if "profiles" in service}
    assert behind == {"redis"}
    waits = {name for name, service in SERVICES.items() if "redis" in service.get("depends_on", {})}
    assert waits == {"release"}
    expected = {"condition": "service_healthy", "required": False}
    assert SERVICES["release"]["depends_on"] == {"redis": expected}


def test_the_store_is_one_for_the_release_and_the_server() -> None:
    """Both get the same feature store; if none is named, it is the recipe's."""
    given = {name: SERVICES[name]["environment"][VARIABLE] for name in ("release", "triton")}
    assert given == dict.fromkeys(given, f"${{{VARIABLE}:-}}")
    (named,) = set(re.findall(rf"{VARIABLE}=(redis://\S+)", TEXT))
    url = urlsplit(named)
    assert (url.hostname, SERVICES["redis"]["ports"]) == ("redis", [f"127.0.0.1:{url.port}:6379"])
    assert SERVICES["redis"]["profiles"] == re.findall(r"--profile (\w+)", TEXT)


def test_images_are_pinned_or_built_here() -> None:
    """An image from a registry has a full version; ours is a stage of the Dockerfile."""
    for name, service in SERVICES.items():
        if "build" in service:
            assert service["build"]["context"] == "."
            assert _without_variables(service["build"]["target"]) == "cpu"
            assert "SHORTLIST_TARGET=gpu" in TEXT
            assert {"cpu", "gpu"} <= STAGES.keys()
        else:
            assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+[\w.-]*", service["image"]), name


def test_every_mounted_file_and_volume_exists() -> None:
    """Mounts from the checkout exist and are read-only; other volumes are declared."""
    named = set()
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source, _, rest = volume.partition(":")
            if source.startswith("./"):
                assert (ROOT / source).exists(), volume
                assert rest.endswith(":ro"), volume
            else:
                named.add(source)
    assert named == set(COMPOSE["volumes"])


def test_ports_are_published_once_and_on_this_machine_only() -> None:
    """No two services share a port, and none is open to the network, as they have no passwords."""
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    parts = [port.split(":") for port in published]
    assert {host for host, _, _ in parts} == {"127.0.0.1"}
    assert len({outside for _, outside, _ in parts}) == len(parts)
    assert all(outside == inside for _, outside, inside in parts)


def test_triton_listens_where_the_ports_are_published() -> None:
    """`shortlist` accepts the command, which listens on all addresses of its container."""
    words = [_without_variables(word) for word in SERVICES["triton"]["command"]]
    assert words[0] == "shortlist"
    arguments = parser_for(words[1:]).parse_args(words[1:])
    assert (arguments.command, arguments.host) == ("serve", "0.0.0.0")
    assert arguments.recipe in known_recipes()
    ports = [arguments.http_port, arguments.grpc_port, arguments.metrics_port]
    assert ports == list(USUAL.values()), "HEALTHCHECK asks the usual one"
    assert SERVICES["triton"]["ports"] == [f"127.0.0.1:{port}:{port}" for port in ports]


def test_the_release_is_made_in_the_volume_that_is_served() -> None:
    """Both services keep their artifacts where the image has its volume; one waits for the other."""
    (volume,) = STAGES["cpu"].texts("VOLUME")
    for name in ("release", "triton"):
        assert SERVICES[name]["volumes"] == [f"artifacts:{volume}"]
    wanted = {"release": {"condition": "service_completed_successfully"}}
    assert SERVICES["triton"]["depends_on"] == wanted


@pytest.mark.parametrize(
    ("fails", "expected", "status"),
    [("nothing", ["prepare", "train", "export"], 0), ("train", ["prepare", "train"], 3)],
)
def test_the_release_takes_every_step_or_stops(
    tmp_path: Path, fails: str, expected: list[str], status: int
) -> None:
    """The steps run in order on the recipe; after one that fails, nothing more runs."""
    program = tmp_path / "shortlist"
    program.write_text(
        f'#!/bin/sh\necho "$1 $2" >> {tmp_path}/calls\nif [ "$1" = {fails} ]; then exit 3; fi\n'
    )
    program.chmod(0o755)
    service = SERVICES["release"]
    words = [_without_variables(word) for word in service["command"]]
    environment = {key: _without_variables(v) for key, v in service["environment"].items()}
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(words, env=environment | {"PATH": path}, check=False)
    assert ended.returncode == status
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == [f"{step} movielens-100k" for step in expected]
