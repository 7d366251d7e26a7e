#!/usr/bin/env python3
"""Set up the environment: uv if it is missing, a suitable Python, and the locked packages.

Runs on a bare machine before anything is installed: standard library only, Python 3.8 or newer.
`make demo`, `make test` and `make lint` run it first; it does nothing if nothing has changed.

Environment variables:
  SHORTLIST_EXTRA   cpu or gpu; by default gpu if `nvidia-smi -L` lists a GPU, else cpu
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
#: Older versions cannot read this uv.lock.
UV_AT_LEAST = (0, 8)
GIGABYTES_NEEDED = {"cpu": 4, "gpu": 16}
#: Prints an interpreter's version, its path, and the folder of its shared library.
_DESCRIBE = """
import sys, sysconfig
print("%d.%d" % sys.version_info[:2], sys.executable, sysconfig.get_config_var("LIBDIR"), sep="\\n")
"""


class MissingError(Exception):
    """Something that the user has to provide."""


def main() -> int:
    """Return 0 if the environment is ready, 1 if something is missing; stderr names it."""
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
    """Print and flush: the next output may be another program's."""
    print(f"bootstrap: {line}", flush=True)


def venv_python() -> Path:
    """The interpreter of the project's environment."""
    return ROOT / ".venv" / "bin" / "python"


def check_machine() -> None:
    """Triton's and TensorFlow's binaries exist for Linux on x86_64 only."""
    if platform.system() != "Linux":
        raise MissingError(f"expected Linux, got {platform.system()}; use a Linux machine.")
    if platform.machine() not in ("x86_64", "AMD64"):
        raise MissingError(
            f"expected an x86_64 processor, got {platform.machine()}; NVIDIA publishes the Triton "
            "server used here for x86_64 only."
        )


def check_disk(extra: str) -> None:
    """Refuse to start an installation that would run out of disk space."""
    free = shutil.disk_usage(str(ROOT)).free / 1e9
    if free < GIGABYTES_NEEDED[extra] and not venv_python().exists():
        raise MissingError(
            f"expected {GIGABYTES_NEEDED[extra]} GB of free disk space under {ROOT}, got "
            f"{free:.1f} GB; free some."
        )


def chosen_extra() -> str:
    """``gpu`` if nvidia-smi finds a GPU, unless the environment variable overrides it."""
    named = os.environ.get("SHORTLIST_EXTRA")
    if named is not None:
        if named not in GIGABYTES_NEEDED:
            raise MissingError(f"expected SHORTLIST_EXTRA to be cpu or gpu, got '{named}'.")
        return named
    return "gpu" if _answers(["nvidia-smi", "-L"]).startswith("GPU ") else "cpu"


def state(extra: str) -> str:
    """What the environment depends on; if it is unchanged, nothing is reinstalled."""
    digest = hashlib.sha256()
    for name in ("uv.lock", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return f"{extra} {digest.hexdigest()}\n"


def find_uv() -> str | None:
    """A uv that can read the lock file: the one installed earlier, or one on PATH."""
    for candidate in (str(TOOLS / "bin" / "uv"), shutil.which("uv")):
        if candidate:
            version = re.match(r"uv (\d+)\.(\d+)", _answers([candidate, "--version"]))
            if version and (int(version[1]), int(version[2])) >= UV_AT_LEAST:
                return candidate
    return None


def bring_uv() -> str:
    """Install uv into a private virtual environment, with pip or, without pip, from its wheel."""
    say(f"installing uv {UV_VERSION} into {TOOLS.relative_to(ROOT)}")
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
    """uv's wheel for this machine, checked against the index's SHA-256."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/") + "/uv/"
    listed = json.loads(_fetch(index, "application/vnd.pypi.simple.v1+json"))
    libc = "musllinux" if _answers(["ldd", "--version"]).startswith("musl") else "manylinux"
    for file in listed["files"]:
        name = file["filename"]
        if name.startswith(f"uv-{UV_VERSION}-") and libc in name and name.endswith("x86_64.whl"):
            wheel = _fetch(urllib.parse.urljoin(index, file["url"]), "*/*")
            if hashlib.sha256(wheel).hexdigest() != file["hashes"]["sha256"]:
                raise MissingError(
                    f"expected {name} from {index} to match its SHA-256, got a damaged file; run "
                    "this again."
                )
            return wheel
    raise MissingError(
        f"expected {index} to list uv {UV_VERSION} for this machine, found none; set PIP_INDEX_URL "
        "to another index, or put uv on PATH."
    )


def _fetch(url: str, accept: str) -> bytes:
    request = urllib.request.Request(url, headers={"Accept": accept})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return bytes(response.read())
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise MissingError(
            f"expected to reach {url} to fetch packages, got: {error}. Behind a proxy, set "
            "HTTPS_PROXY; for another index, set PIP_INDEX_URL; or put uv "
            f"{UV_VERSION} on PATH."
        ) from error


def find_python() -> str:
    """A Python that the lock supports, in the form uv takes: a path, or a version for uv to fetch.

    3.11 is preferred: NVTabular has a wheel for it, but must be compiled (with g++) for 3.12.
    """
    found: dict[str, str] = {}
    for name in ("python3.11", "python3", "python3.12"):
        version, path, _ = about(name)
        found.setdefault(version, path)
    if "3.11" in found:
        return found["3.11"]
    if "3.12" in found and shutil.which("g++"):
        return found["3.12"]
    say("found no Python 3.11 (nor 3.12 with g++): uv fetches 3.11")
    return "3.11"


def about(python: str) -> tuple[str, str, str]:
    """Version ("3.11"), path and library folder of an interpreter; all empty if it does not run."""
    answer = _answers([python, "-c", _DESCRIBE]).split("\n")
    return (answer[0], answer[1], answer[2]) if len(answer) == 3 else ("", "", "")


def sync(uv: str, python: str, extra: str) -> None:
    """Install exactly the packages in uv.lock."""
    say(f"installing the locked packages ({extra}) for Python {python}")
    command = [uv, "sync", "--frozen", "--extra", extra, "--python", python]
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    if subprocess.run(command, cwd=str(ROOT), env=environment, check=False).returncode != 0:
        hint = "" if "/" in python else " or run `apt-get install python3.11 python3.11-dev`,"
        raise MissingError(
            f"expected `{' '.join(command)}` to succeed, got uv's error above. Make PyPI reachable "
            f"(behind a proxy, set HTTPS_PROXY),{hint} or free some disk space."
        )


def check_libpython() -> None:
    """Ensure the interpreter's shared library, which Triton's Python backend loads."""
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
        f"{name} is missing; only the Triton server needs it. To install it on Debian or Ubuntu: "
        f"apt-get install {package}"
    )


def _answers(command: list[str]) -> str:
    """The output of a command; empty if it fails or does not exist."""
    try:
        ended = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.decode(errors="replace").strip() if ended.returncode == 0 else ""


def _run(command: list[str]) -> bool:
    """Run a command without its output; True if it succeeded."""
    try:
        ended = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        )
    except OSError:
        return False
    return ended.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
