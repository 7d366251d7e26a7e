"""Finds the real Triton: the one on the PATH, or the one inside the nvidia-pytriton wheel."""

import os
import shutil
import sys
import sysconfig
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from stages.errors import ShortlistError

STUB = "triton_python_backend_stub"


@dataclass(frozen=True)
class Installation:
    """How to start Triton: the first words of its command line, and its environment variables."""

    command: tuple[str, ...]
    environment: dict[str, str]


def find_triton(scratch: Path) -> Installation:
    """The ``tritonserver`` to run; ``scratch`` is an empty folder that must exist while it runs.

    Raises:
        ShortlistError: there is none, or none for this Python.
    """
    environment = {
        # The backend's interpreter may ignore PYTHONPATH (some stubs start it isolated); it looks for
        # python3 on the PATH and uses the packages of its environment.
        "PATH": os.pathsep.join(
            [str(Path(sys.prefix) / "bin"), os.environ.get("PATH", os.defpath)]
        ),
        "PYTHONPATH": os.pathsep.join(_site_packages()),
        # The same code as in this process, for the same answers, and no compiled files in a release.
        "PYTHONDONTWRITEBYTECODE": "1",
        # One instance per core: more threads would only compete for the cores of other instances.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    on_path = shutil.which("tritonserver")
    if on_path is not None:  # NVIDIA's container: backends and libraries are where it expects them
        return Installation((on_path,), environment)
    return _from_wheel(scratch, environment)


def _from_wheel(scratch: Path, environment: dict[str, str]) -> Installation:
    try:
        # Importing pytriton would start its own machinery; only the wheel's files are needed.
        site_packages = Path(str(distribution("nvidia-pytriton").locate_file("")))
    except PackageNotFoundError as error:
        raise ShortlistError(
            "expected `tritonserver` on the PATH or the package nvidia-pytriton, found neither. "
            "Install the project's environment with `make install`."
        ) from error
    triton = site_packages / "pytriton" / "tritonserver"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = triton / "python_backend_stubs" / python / STUB
    if not stub.is_file():
        have = ", ".join(sorted(path.name for path in stub.parents[1].glob("3.*")))
        raise ShortlistError(
            f"expected nvidia-pytriton to contain Triton's Python backend for Python {python}, "
            f"got {have}. Use one of these versions."
        )
    backends = scratch / "backends"
    # The backend looks for its stub next to itself.
    shutil.copytree(triton / "backends" / "python", backends / "python")
    shutil.copy(stub, backends / "python" / STUB)
    server = scratch / "tritonserver"
    shutil.copy(triton / "bin" / "tritonserver", server)
    for program in (server, backends / "python" / STUB):
        program.chmod(0o755)  # wheels lose the executable bit
    libraries = [str(_libpython(python)), str(site_packages / "nvidia_pytriton.libs")]
    return Installation(
        (str(server), "--backend-directory", str(backends)),
        # The interpreter's libpython first: the stub crashes with any other.
        environment | {"LD_LIBRARY_PATH": os.pathsep.join(libraries)},
    )


def _libpython(python: str) -> Path:
    """The folder of this interpreter's shared library, which the stub is linked against."""
    name = f"libpython{python}.so.1.0"
    configured = sysconfig.get_config_var("LIBDIR")
    folders = [Path(configured)] if configured else []
    folders += [Path(sys.base_prefix) / "lib"]
    for folder in folders:
        if (folder / name).exists():
            return folder
    raise ShortlistError(
        f"expected {name} in {' or '.join(map(str, folders))}, found none: Triton's Python "
        f"backend needs it. `uv python install {python}` installs a Python that has it; Debian's "
        f"package is libpython{python}."
    )


def _site_packages() -> list[str]:
    return list(dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]))
