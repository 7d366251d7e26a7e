"""The packages of uv.lock, as uv itself reads them."""

import subprocess
from functools import cache

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from scripts.bootstrap import find_uv
from tests.containers.dockerfile import ROOT


@cache
def locked(extra: str, python: str) -> dict[str, str]:
    """Name and version of every package of an extra, without development tools.

    ``python``: a version; 3.11 alone means its newest patch, as package managers read it.
    """
    uv = find_uv()
    if uv is None:
        pytest.skip("found no uv to read uv.lock with: `make install` installs it")
    options = ["--no-dev", "--no-emit-project", "--no-hashes", "--no-annotate", "--no-header"]
    exported = subprocess.run(
        [uv, "export", "--frozen", "--offline", "--quiet", "--extra", extra, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    machine = {
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python if python.count(".") == 2 else f"{python}.99",
        "implementation_name": "cpython",
        "platform_machine": "x86_64",
        "sys_platform": "linux",
    }
    versions: dict[str, str] = {}
    for line in exported.splitlines():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(machine):
            (pin,) = requirement.specifier
            versions[canonicalize_name(requirement.name)] = pin.version
    return versions
