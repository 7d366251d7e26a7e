"""Check what the commands need from this machine. Each line is ok, or a problem with its remedy.

Exits with status 1 if there is a problem.

Example:
  shortlist doctor
"""

import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from ctypes.util import find_library
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, requires, version
from pathlib import Path

from packaging.requirements import Requirement

#: The distribution whose metadata list the required packages, by extra (pyproject.toml).
PROJECT = "shortlist"
GIGABYTES_OF_MEMORY = 4
GIGABYTES_OF_DISK = 2
_INSTALL = "make install"


@dataclass(frozen=True)
class Finding:
    """The result of one check; ``remedy`` is empty if it passed."""

    what: str
    found: str
    remedy: str = ""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--offline", action="store_true", help="do not check whether data can be downloaded"
    )


def run(arguments: Namespace) -> int:
    from scripts.console import say

    problems = 0
    for finding in _findings(arguments.offline):
        problems += bool(finding.remedy)
        mark = "problem" if finding.remedy else "ok"
        say(f"{mark:<8}{finding.what:<22}{finding.found}")
        if finding.remedy:
            say(f"{'':<8}{'':<22}-> {finding.remedy}")
    say(f"{problems} problem{'' if problems == 1 else 's'}")
    return 1 if problems else 0


def _findings(offline: bool) -> Iterator[Finding]:
    yield _machine()
    yield _python()
    yield from _packages()
    yield _libpython()
    yield _triton()
    yield _gpu()
    yield _memory()
    yield _disk()
    if not offline:
        yield _data()


def _machine() -> Finding:
    found = f"{platform.system()} {platform.machine()}"
    wrong = "Triton's binaries are for Linux on x86_64 only: use such a machine"
    return Finding("machine", found, "" if found == "Linux x86_64" else wrong)


def _python() -> Finding:
    right = (3, 11) <= sys.version_info[:2] < (3, 13)
    wrong = f"the packages are locked for Python 3.11 and 3.12: {_INSTALL}"
    return Finding("python", platform.python_version(), "" if right else wrong)


def _packages() -> Iterator[Finding]:
    """Compare the declared packages with the installed ones, by metadata, without importing any."""
    try:
        declared = [Requirement(text) for text in requires(PROJECT) or ()]
    except PackageNotFoundError:
        yield Finding(PROJECT, "not installed", _INSTALL)
        return
    extra = {"extra": "gpu" if _installed("cudf-cu12") else "cpu"}
    for each in sorted(declared, key=lambda requirement: requirement.name):
        if each.marker is not None and not each.marker.evaluate(extra):
            continue
        found = _installed(each.name)
        if found is None:
            yield Finding(each.name, "not installed", _INSTALL)
        elif not each.specifier.contains(found, prereleases=True):
            yield Finding(each.name, f"{found}, expected {each.specifier}", _INSTALL)
        else:
            yield Finding(each.name, found)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _libpython() -> Finding:
    name = f"libpython{sys.version_info[0]}.{sys.version_info[1]}.so.1.0"
    beside = Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib", name)
    if beside.exists():
        return Finding("libpython", str(beside))
    if find_library(name.removeprefix("lib").removesuffix(".so.1.0")):
        return Finding("libpython", name)
    remedy = f"Triton needs it; on Debian: apt-get install {name.removesuffix('.so.1.0')}"
    return Finding("libpython", f"{name} not found", remedy)


def _triton() -> Finding:
    on_path = shutil.which("tritonserver")
    if on_path:
        return Finding("tritonserver", on_path)
    try:
        wheel = distribution("nvidia-pytriton")
    except PackageNotFoundError:
        return Finding("tritonserver", "not found", f"{_INSTALL} (package nvidia-pytriton)")
    binary = Path(str(wheel.locate_file("pytriton/tritonserver/bin/tritonserver")))
    if not binary.exists():
        remedy = "the package nvidia-pytriton is incomplete: rm -r .venv, then make install"
        return Finding("tritonserver", f"{binary} is missing", remedy)
    return Finding("tritonserver", f"from nvidia-pytriton {wheel.version}")


def _gpu() -> Finding:
    """A missing GPU is not a problem: everything runs without one."""
    try:
        ended = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return Finding("gpu", "none, using the CPU")
    seen = [line for line in ended.stdout.splitlines() if line.startswith("GPU ")]
    if ended.returncode != 0 or not seen:
        return Finding("gpu", "none, using the CPU")
    if not _installed("cudf-cu12"):
        return Finding("gpu", f"{len(seen)}, not used", f"SHORTLIST_EXTRA=gpu {_INSTALL}")
    return Finding("gpu", f"{len(seen)}: {seen[0].split(' (UUID')[0]}")


def _memory() -> Finding:
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")) / 1e6
    enough = free >= GIGABYTES_OF_MEMORY
    remedy = (
        "" if enough else f"training needs up to {GIGABYTES_OF_MEMORY} GB: close other programs"
    )
    return Finding("free memory", f"{free:.1f} GB", remedy)


def _disk() -> Finding:
    from stages.artifacts import artifacts_root

    root = artifacts_root().absolute()
    place = next(path for path in (root, *root.parents) if path.exists())
    free = shutil.disk_usage(place).free / 1e9
    enough = free >= GIGABYTES_OF_DISK
    remedy = "" if enough else "free some space, or set SHORTLIST_ARTIFACTS to a folder elsewhere"
    return Finding("free disk", f"{free:.1f} GB for {root}", remedy)


def _data() -> Finding:
    from sources.datasets.movielens_files import reachable
    from stages.errors import ShortlistError

    try:
        return Finding("data movielens-100k", reachable())
    except ShortlistError as error:
        named = os.environ.get("SHORTLIST_DATA")
        return Finding("data movielens-100k", f"SHORTLIST_DATA={named or ''}", str(error))
