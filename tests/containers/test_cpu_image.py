"""The CPU image, built instruction by instruction (tests/containers/builder.py) and then used."""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.builder import Builder, Image
from tests.containers.dockerfile import ROOT, read_stages, send_context
from tests.containers.locked import locked

STAGES = read_stages((ROOT / "Dockerfile").read_text(encoding="utf-8"))
#: Building takes minutes.
pytestmark = pytest.mark.slow
PACKAGES = """
import importlib.metadata, json
print(json.dumps({each.name: each.version for each in importlib.metadata.distributions()}))
"""


def _why_not() -> str:
    """Why no image can be built here; empty if one can."""
    python, _, _ = STAGES["python"].base.removeprefix("python:").partition("-")
    if python != f"{sys.version_info.major}.{sys.version_info.minor}":
        return f"the image has Python {python}, and this is another"
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return "mounting an overlay needs root and the program `unshare`"
    return ""


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    """A builder with the context that Docker would get."""
    reason = _why_not()
    if reason:
        pytest.skip(reason)
    scratch = tmp_path_factory.mktemp("image")
    send_context(scratch / "context")
    builder = Builder(STAGES, scratch / "context", scratch / "stages")
    probe = Image(scratch / "probe", {"PATH": os.environ["PATH"]})
    probe.state.mkdir()
    try:
        builder.run(probe, [os.path.realpath(sys.executable), "-m", "ensurepip", "--version"])
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no overlay over this machine's root, or no pip in it: {error.output}")
    yield builder
    shutil.rmtree(scratch)  # gigabytes, and pytest would keep those of three runs


@pytest.fixture(scope="module")
def image(builder: Builder) -> Image:
    """The stage `cpu`, with every RUN line of it and of the stages below executed."""
    try:
        return builder.build("cpu")
    except subprocess.CalledProcessError as error:
        pytest.fail(f"{error.cmd[-1]}\nended with status {error.returncode}:\n{error.output}")


def test_every_run_line_was_executed(builder: Builder, image: Image) -> None:
    """uv, the packages, the user and the project: no RUN line of the four stages was left out."""
    below = ("python", "uv", "cpu-packages", "cpu")
    lines = [text for name in below for text in STAGES[name].texts("RUN")]
    assert len(lines) == 4
    assert sorted(builder.executed) == sorted(lines)


def test_the_image_holds_the_locked_packages_and_no_others(builder: Builder, image: Image) -> None:
    """Installed are uv.lock's packages for this Python, without development tools, and the project."""
    versions = json.loads(builder.run(image, ["python", "-c", PACKAGES]))
    held = {name.lower().replace("_", "-").replace(".", "-"): v for name, v in versions.items()}
    assert held.pop("shortlist")
    assert held == locked("cpu", platform.python_version())
    assert not image.path("/usr/local/bin/uv").exists()


def test_the_images_own_code_runs_as_its_user(builder: Builder, image: Image) -> None:
    """`shortlist` is on the PATH, from /opt/shortlist, and the doctor finds nothing missing."""
    code = "import os, recipes; print(os.getuid(), os.environ['HOME'], recipes.__file__)"
    printed = builder.run(image, ["python", "-c", code]).split()
    assert printed == ["10001", "/home/shortlist", "/opt/shortlist/recipes/__init__.py"]
    (command,) = STAGES["cpu"].texts("CMD")
    assert "usage: shortlist demo" in builder.run(image, [*json.loads(command), "--help"])
    doctor = 'shortlist doctor --offline || echo "status $?"'
    lines = builder.run(image, ["sh", "-c", doctor]).splitlines()
    # How much memory and disk are free depends on this machine.
    problems = [each for each in lines if each.startswith("problem") and " free " not in each]
    assert problems == []
    assert any("tritonserver" in each and "nvidia-pytriton" in each for each in lines)


def test_the_user_writes_artifacts_and_cannot_change_the_code(
    builder: Builder, image: Image
) -> None:
    """The volume belongs to the user; code and packages do not."""
    script = """
        touch "$SHORTLIST_ARTIFACTS/new" && stat --format %U:%G "$SHORTLIST_ARTIFACTS/new"
        for place in . .venv recipes /usr/local/bin; do
            if touch "$place/new" 2> /dev/null; then echo "wrote $place"; fi
        done
    """
    assert builder.run(image, ["sh", "-c", script]).splitlines() == ["shortlist:shortlist"]
    (volume,) = STAGES["cpu"].texts("VOLUME")
    assert (image.path(volume) / "new").stat().st_uid == 10001


def test_this_machine_was_not_changed(image: Image) -> None:
    """The user was created in the image's own /etc/passwd; this machine's has no such line."""
    made = "shortlist:x:10001:10001:"
    assert made in image.path("/etc/passwd").read_text()
    assert made not in Path("/etc/passwd").read_text()
