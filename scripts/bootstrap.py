#!/usr/bin/env python3
"""Set up the environment: uv where it is absent, a fitting Python, and the locked packages.

Runs on a bare machine, before anything is installed: standard library only, Python 3.8 or newer.
`make demo`, `make test` and `make lint` begin with it; it does nothing where nothing has changed.

Environment variables:
  SHORTLIST_EXTRA   cpu or gpu; without it, gpu where `nvidia-smi -L` lists a GPU
  PIP_INDEX_URL     a package index other than PyPI
"""

from __future__ import annotations

import ctypes.util
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / ".tools" / "uv"
STAMP = ROOT / ".venv" / "shortlist-sync.txt"
UV_VERSION = "0.13.9"
#: Older ones do not read this uv.lock.
UV_AT_LEAST = (0, 8)
GIGABYTES_NEEDED = {"cpu": 4, "gpu": 16}
#: Prints an interpreter's version, its own path, and where its shared library would be.
_TELL = """
import sys, sysconfig
print("%d.%d" % sys.version_info[:2], sys.executable, sysconfig.get_config_var("LIBDIR"), sep="\\n")
"""


class MissingError(Exception):
    """Something that a person has to provide."""


def main() -> int:
    """Return 0 where the environment is ready, 1 where something is missing (and named)."""
    try:
        check_machine()
        extra = chosen_extra()
        wanted = state(extra)
        if STAMP.exists() and STAMP.read_text() == wanted and venv_python().exists():
            return 0
        check_disk(extra)
        uv = find_uv() or bring_uv()
        python = find_python()
        sync(uv, python, extra)
        check_libpython()
        STAMP.write_text(wanted)
    except MissingError as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return 1
    return 0


def say(line: str) -> None:
    """Print at once: what follows may be another program's output."""
    print(f"bootstrap: {line}", flush=True)


def venv_python() -> Path:
    """The interpreter of the project's environment."""
    return ROOT / ".venv" / "bin" / "python"


def check_machine() -> None:
    """Triton's and TensorFlow's binaries exist for one kind of machine only."""
    if platform.system() != "Linux":
        raise MissingError(f"Linux is needed, and this is {platform.system()}.")
    if platform.machine() not in ("x86_64", "AMD64"):
        raise MissingError(
            f"an x86_64 processor is needed, and this is {platform.machine()}: NVIDIA publishes "
            "the Triton server that runs here for x86_64 only."
        )


def check_disk(extra: str) -> None:
    """Refuse to start an installation that cannot end."""
    free = shutil.disk_usage(str(ROOT)).free / 1e9
    if free < GIGABYTES_NEEDED[extra] and not venv_python().exists():
        raise MissingError(
            f"{GIGABYTES_NEEDED[extra]} GB of disk are needed under {ROOT}, and {free:.1f} GB are "
            "free."
        )


def chosen_extra() -> str:
    """``gpu`` where an NVIDIA GPU answers, unless the environment says otherwise."""
    named = os.environ.get("SHORTLIST_EXTRA")
    if named is not None:
        if named not in GIGABYTES_NEEDED:
            raise MissingError(f"SHORTLIST_EXTRA must be cpu or gpu, and it is '{named}'.")
        return named
    return "gpu" if _answers(["nvidia-smi", "-L"]).startswith("GPU ") else "cpu"


def state(extra: str) -> str:
    """What the environment depends on; equal states need no second installation."""
    digest = hashlib.sha256()
    for name in ("uv.lock", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return f"{extra} {digest.hexdigest()}\n"


def find_uv() -> str | None:
    """A uv that can read the lock file: the one brought earlier, or one on PATH."""
    for candidate in (str(TOOLS / "bin" / "uv"), shutil.which("uv")):
        if candidate:
            version = re.match(r"uv (\d+)\.(\d+)", _answers([candidate, "--version"]))
            if version and (int(version[1]), int(version[2])) >= UV_AT_LEAST:
                return candidate
    return None


def bring_uv() -> str:
    """Install uv into a private virtual environment, by pip or, without pip, from its wheel."""
    say(f"bringing uv {UV_VERSION} into {TOOLS.relative_to(ROOT)}")
    uv = TOOLS / "bin" / "uv"
    shutil.rmtree(str(TOOLS), ignore_errors=True)
    made = _run([sys.executable, "-m", "venv", str(TOOLS)])
    if made and _run([str(TOOLS / "bin" / "python"), "-m", "pip", "install", f"uv=={UV_VERSION}"]):
        return str(uv)
    # Debian's python3 without python3-venv has no ensurepip, so the environment has no pip.
    shutil.rmtree(str(TOOLS), ignore_errors=True)
    if not _run([sys.executable, "-m", "venv", "--without-pip", str(TOOLS)]):
        uv.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(fetch_uv_wheel())) as wheel:
        member = next(name for name in wheel.namelist() if name.endswith(".data/scripts/uv"))
        uv.write_bytes(wheel.read(member))
    uv.chmod(0o755)
    return str(uv)


def fetch_uv_wheel() -> bytes:
    """uv's wheel for this machine, its SHA-256 compared with the index."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/uv/"
    listed = json.loads(_fetch(index, "application/vnd.pypi.simple.v1+json"))
    libc = "musllinux" if _answers(["ldd", "--version"]).startswith("musl") else "manylinux"
    for file in listed["files"]:
        name = file["filename"]
        if name.startswith(f"uv-{UV_VERSION}-") and libc in name and name.endswith("x86_64.whl"):
            wheel = _fetch(urllib.parse.urljoin(index, file["url"]), "*/*")
            if hashlib.sha256(wheel).hexdigest() != file["hashes"]["sha256"]:
                raise MissingError(f"{name} came damaged from {index}: its SHA-256 is another.")
            return wheel
    raise MissingError(f"{index} does not list uv {UV_VERSION} for this machine.")


def _fetch(url: str, accept: str) -> bytes:
    request = urllib.request.Request(url, headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return bytes(response.read())
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise MissingError(
            f"no network: {url} cannot be reached ({error}). Packages are fetched from there. "
            "Behind a proxy set HTTPS_PROXY; for another index set PIP_INDEX_URL; or put uv "
            f"{UV_VERSION} on PATH."
        ) from error


def find_python() -> str:
    """A Python that the lock is made for, as uv takes it: a path, or a version for uv to fetch.

    3.11 comes first: NVTabular has a wheel for it, and is compiled (with g++) for 3.12.
    """
    found: dict[str, str] = {}
    for name in ("python3.11", "python3", "python3.12"):
        version, path, _ = about(name)
        found.setdefault(version, path)
    if "3.11" in found:
        return found["3.11"]
    if "3.12" in found and shutil.which("g++"):
        return found["3.12"]
    say("no Python 3.11 here (nor 3.12 with g++): uv fetches 3.11")
    return "3.11"


def about(python: str) -> tuple[str, str, str]:
    """Version ("3.11"), path and library folder of an interpreter; empty where it does not run."""
    answer = _answers([python, "-c", _TELL]).split("\n")
    return (answer[0], answer[1], answer[2]) if len(answer) == 3 else ("", "", "")


def sync(uv: str, python: str, extra: str) -> None:
    """Install exactly what uv.lock says."""
    say(f"installing the locked packages ({extra}) for Python {python}")
    command = [uv, "sync", "--frozen", "--extra", extra, "--python", python]
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    if subprocess.run(command, cwd=str(ROOT), env=environment, check=False).returncode != 0:
        hint = "" if "/" in python else " or `apt-get install python3.11 python3.11-dev`,"
        raise MissingError(
            f"`{' '.join(command)}` failed; uv says above what it could not do. What it needs: a "
            f"network with PyPI in reach (HTTPS_PROXY where there is a proxy),{hint} and free disk."
        )


def check_libpython() -> None:
    """Triton's Python backend loads the interpreter as a shared library: see that there is one."""
    version, _, folder = about(str(venv_python()))
    name = f"libpython{version}.so.1.0"
    if Path(folder, name).exists() or ctypes.util.find_library(f"python{version}"):
        return
    package = f"libpython{version}"
    if os.geteuid() == 0 and shutil.which("apt-get"):
        say(f"{name} is missing: installing {package}")
        install = ["apt-get", "install", "-y", package]
        if _run(install) or (_run(["apt-get", "update"]) and _run(install)):
            return
    say(
        f"{name} is missing, and the Triton server needs it (nothing else does). Install it, on "
        f"Debian or Ubuntu with: apt-get install {package}"
    )


def _answers(command: list[str]) -> str:
    """What a command prints; empty where it fails or is not there."""
    try:
        ended = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.decode(errors="replace").strip() if ended.returncode == 0 else ""


def _run(command: list[str]) -> bool:
    """Run quietly; True where it succeeded."""
    try:
        ended = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        )
    except OSError:
        return False
    return ended.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
