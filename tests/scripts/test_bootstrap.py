"""The bootstrap names what is missing, and does nothing twice."""

import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts import bootstrap
from tests.sources.serving import Site, serving

SCRIPT = Path(bootstrap.__file__)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with a lock file and nothing installed."""
    (tmp_path / "uv.lock").write_text("one")
    (tmp_path / "pyproject.toml").write_text("two")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "TOOLS", tmp_path / ".tools" / "uv")
    monkeypatch.setattr(bootstrap, "STAMP", tmp_path / ".venv" / "stamp")
    monkeypatch.setenv("SHORTLIST_EXTRA", "cpu")
    return tmp_path


def _program(folder: Path, name: str, body: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def _wheel(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(f"uv-{bootstrap.UV_VERSION}.data/scripts/uv", content)
    return buffer.getvalue()


def _index(name: str, wheel: bytes, sha256: str | None = None) -> dict[str, bytes]:
    sha256 = sha256 or hashlib.sha256(wheel).hexdigest()
    listed = {"filename": name, "url": f"/{name}", "hashes": {"sha256": sha256}}
    return {"/simple/uv/": json.dumps({"files": [listed]}).encode(), f"/{name}": wheel}


WHEEL_NAME = f"uv-{bootstrap.UV_VERSION}-py3-none-manylinux_2_17_x86_64.whl"


@pytest.mark.parametrize(
    ("system", "machine", "complaint"),
    [
        ("Darwin", "arm64", "expected Linux, got Darwin"),
        ("Linux", "aarch64", "an x86_64 processor, got aarch64"),
    ],
)
def test_another_kind_of_machine_is_named(
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    system: str,
    machine: str,
    complaint: str,
) -> None:
    """Nothing is downloaded for a machine that cannot run it."""
    monkeypatch.setattr("platform.system", lambda: system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert bootstrap.main() == 1
    assert complaint in capsys.readouterr().err


def test_no_network_is_named_with_what_to_set(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a reachable index, the message has the address and the variables to set."""
    monkeypatch.setenv("PATH", str(root / "empty"))
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setattr(bootstrap, "_run", lambda command: False)
    assert bootstrap.main() == 1
    errors = capsys.readouterr().err
    assert "expected to reach http://127.0.0.1:9/simple/uv/ to fetch packages, got: " in errors
    assert "HTTPS_PROXY" in errors


def test_uv_comes_out_of_its_wheel_where_there_is_no_pip(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without Debian's python3-venv there is no pip, but a wheel is a zip file."""
    run = bootstrap._run
    monkeypatch.setattr(
        bootstrap, "_run", lambda command: "--without-pip" in command and run(command)
    )
    body = f"#!/bin/sh\necho uv {bootstrap.UV_VERSION}\n".encode()
    with serving(Site(_index(WHEEL_NAME, _wheel(body)))) as site:
        monkeypatch.setenv("PIP_INDEX_URL", f"{site.url}/simple")
        uv = bootstrap.bring_uv()
    assert bootstrap.find_uv() == uv
    assert (root / ".tools" / "uv" / "pyvenv.cfg").exists()


def test_a_damaged_wheel_of_uv_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel whose checksum differs from the index's is not run."""
    pages = _index(WHEEL_NAME, _wheel(b"evil"), sha256="0" * 64)
    with serving(Site(pages)) as site:
        monkeypatch.setenv("PIP_INDEX_URL", f"{site.url}/simple")
        with pytest.raises(
            bootstrap.MissingError, match="to match its SHA-256, got a damaged file"
        ):
            bootstrap.fetch_uv_wheel()


def test_an_old_uv_on_the_path_is_passed_over(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A uv that cannot read the lock is ignored; a newer one is used."""
    monkeypatch.setenv("PATH", str(root / "bin"))
    _program(root / "bin", "uv", "echo uv 0.4.30")
    assert bootstrap.find_uv() is None
    new = _program(root / "bin", "uv", "echo uv 0.9.1 '(abc 2025-01-01)'")
    assert bootstrap.find_uv() == str(new)


def test_packages_are_synced_once_for_each_lock(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second run does nothing; another lock or another extra syncs again; a failure is reported."""
    calls = root / "calls"
    python = root / ".venv" / "bin"
    _program(
        root / "bin",
        "uv",
        f'if [ "$1" = --version ]; then echo uv 0.9.1; exit; fi\necho "$@" >> {calls}\n'
        f"mkdir -p {python} && ln -sf {sys.executable} {python}/python && test ! -e {root}/broken",
    )
    monkeypatch.setenv("PATH", f"{root}/bin{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(bootstrap, "check_libpython", lambda: None)

    assert bootstrap.main() == 0
    assert bootstrap.main() == 0
    assert len(calls.read_text().splitlines()) == 1
    assert calls.read_text().startswith("sync --frozen --extra cpu --python ")

    (root / "uv.lock").write_text("changed")
    (root / "broken").touch()
    assert bootstrap.main() == 1
    assert "to succeed, got uv's error above" in capsys.readouterr().err
    (root / "broken").unlink()
    assert bootstrap.main() == 0
    monkeypatch.setenv("SHORTLIST_EXTRA", "gpu")
    monkeypatch.setattr(bootstrap, "GIGABYTES_NEEDED", {"cpu": 0, "gpu": 0})
    assert bootstrap.main() == 0
    assert len(calls.read_text().splitlines()) == 4
    assert "--extra gpu" in calls.read_text()


def test_the_gpu_set_is_chosen_where_a_gpu_answers(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """nvidia-smi decides, unless the environment variable overrides it."""
    monkeypatch.setenv("PATH", f"{root}/bin")
    monkeypatch.delenv("SHORTLIST_EXTRA")
    assert bootstrap.chosen_extra() == "cpu"
    _program(root / "bin", "nvidia-smi", "echo 'GPU 0: NVIDIA L4 (UUID: GPU-1)'")
    assert bootstrap.chosen_extra() == "gpu"
    _program(root / "bin", "nvidia-smi", "echo 'No devices were found'; exit 6")
    assert bootstrap.chosen_extra() == "cpu"
    monkeypatch.setenv("SHORTLIST_EXTRA", "tpu")
    with pytest.raises(bootstrap.MissingError, match="SHORTLIST_EXTRA to be cpu or gpu, got 'tpu'"):
        bootstrap.chosen_extra()


def test_a_fitting_python_is_found_or_left_to_uv(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """3.11, or 3.12 with a compiler; otherwise uv fetches one, with a message. A broken shim is ignored."""
    monkeypatch.setenv("PATH", f"{root}/bin")
    _program(root / "bin", "python3.11", "echo 'command not found' >&2; exit 127")
    _program(root / "bin", "python3.12", "printf '3.12\\n/opt/python3.12\\n/opt/lib\\n'")
    assert bootstrap.find_python() == "3.11"
    assert "uv fetches 3.11" in capsys.readouterr().out
    _program(root / "bin", "g++", "exit 0")
    assert bootstrap.find_python() == "/opt/python3.12"
    _program(root / "bin", "python3", "printf '3.11\\n/opt/python3.11\\n/opt/lib\\n'")
    assert bootstrap.find_python() == "/opt/python3.11"


def test_a_missing_libpython_is_named_with_its_package(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """If it cannot be installed here, the message says what to install."""
    _program(root / ".venv" / "bin", "python", f"printf '3.99\\n/x\\n{root}\\n'")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    bootstrap.check_libpython()
    assert "libpython3.99.so.1.0 is missing" in capsys.readouterr().out
    (root / "libpython3.99.so.1.0").touch()
    bootstrap.check_libpython()
    assert capsys.readouterr().out == ""


def test_a_machine_without_python3_is_told_by_make(tmp_path: Path) -> None:
    """Python, which the bootstrap cannot install itself, is checked before it starts."""
    if not Path("/usr/bin/make").exists():
        pytest.skip("make is not in /usr/bin")
    ended = subprocess.run(
        ["/usr/bin/make", "install"],
        cwd=SCRIPT.parent.parent,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "expected python3 (3.8 or newer) on PATH, found none" in ended.stderr
