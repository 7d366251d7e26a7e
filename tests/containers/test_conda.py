"""The conda environments hold the packages of uv.lock."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.containers.locked import ROOT, locked

FILES = {"environment.yml": "gpu", "environment-cpu.yml": "cpu"}
#: PyPI's names of packages that conda names differently.
ON_PYPI = {"cudf": "cudf-cu12", "dask-cudf": "dask-cudf-cu12", "cupy": "cupy-cuda12x"}
#: Dependencies that conda's cudf, dask-cuda and cupy install themselves.
BROUGHT_BY_CUDF = {
    "cachetools", "cuda-python", "fastrlock", "libcudf-cu12", "libkvikio-cu12", "numba-cuda",
    "nvidia-nvcomp-cu12", "nvtx", "pylibcudf-cu12", "pynvjitlink-cu12", "rapids-dask-dependency",
    "rmm-cu12",
}  # fmt: skip
#: Not Python packages, or not in the lock.
OUTSIDE = {"python", "pip", "cuda-version"}


def _text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _specifications(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """The packages that conda and pip are to install: name and version."""
    environment: dict[str, Any] = yaml.safe_load(text)
    *for_conda, for_pip = environment["dependencies"]
    conda = {name: version for name, _, version in (each.partition("=") for each in for_conda)}
    pip = {name: version for name, _, version in (each.partition("==") for each in for_pip["pip"])}
    assert len(conda) == len(for_conda), "conda is asked for something twice"
    assert len(pip) == len(for_pip["pip"]), "pip is asked for something twice"
    return conda, pip


def _differences(text: str, extra: str) -> list[str]:
    """One line for each package that differs from uv.lock."""
    conda, pip = _specifications(text)
    known = locked(extra, conda["python"])
    asked = {ON_PYPI.get(name, name): v for name, v in conda.items() if name not in OUTSIDE}
    found = [f"{name}: by conda and by pip" for name in asked.keys() & pip.keys()]
    # conda's 24.12 matches every 24.12.x
    wrong = {
        name: version
        for name, version in asked.items()
        if not f"{known.get(name)}.".startswith(f"{version}.")
    }
    wrong |= {name: version for name, version in pip.items() if known.get(name) != version}
    found += [f"{name}: {v}, locked {known.get(name)}" for name, v in wrong.items()]
    missing = known.keys() - asked.keys() - pip.keys()
    if "cudf" in conda:
        missing -= BROUGHT_BY_CUDF
    return found + [f"{name}: missing, locked {known[name]}" for name in sorted(missing)]


@pytest.mark.parametrize("name", FILES)
def test_every_package_has_the_locked_version(name: str) -> None:
    """conda and pip together install the whole extra, each package once, as locked."""
    assert _differences(_text(name), FILES[name]) == []


@pytest.mark.parametrize("name", FILES)
def test_any_one_changed_version_would_be_seen(name: str) -> None:
    """Another version of any line is reported as the only difference; a missing line is reported, too."""
    text = _text(name)
    lines = [line for line in text.splitlines() if re.match(r"\s+- [a-z0-9-]+={1,2}\d", line)]
    assert len(lines) > 100
    for line in lines:
        package = line.split("- ")[1].split("=")[0]
        if package in OUTSIDE:
            continue
        package = ON_PYPI.get(package, package)
        changed = re.sub(r"(={1,2})\d+", r"\g<1>9999", line)
        (difference,) = _differences(text.replace(f"{line}\n", f"{changed}\n"), FILES[name])
        assert difference.startswith(f"{package}: 9999")
        without = _differences(text.replace(f"{line}\n", ""), FILES[name])
        assert any(each.startswith(f"{package}: missing") for each in without)


@pytest.mark.parametrize("name", FILES)
def test_what_pyproject_names_is_asked_for_by_its_name(name: str) -> None:
    """No direct dependency is left to be installed by another package."""
    project = tomllib.loads(_text("pyproject.toml"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"][FILES[name]]]
    names = {re.match(r"[\w-]+", each)[0] for each in wanted}  # type: ignore[index]
    conda, pip = _specifications(_text(name))
    assert names <= pip.keys() | {ON_PYPI.get(each, each) for each in conda}


@pytest.mark.parametrize("name", FILES)
def test_conda_can_read_it(name: str) -> None:
    """The keys are those that conda knows, names are canonical, and the lock supports the Python."""
    environment = yaml.safe_load(_text(name))
    assert set(environment) == {"name", "channels", "dependencies"}
    assert environment["name"] == "shortlist"
    assert "conda-forge" in environment["channels"]
    conda, pip = _specifications(_text(name))
    assert ("rapidsai" in environment["channels"]) == ("cudf" in conda)
    assert "pip" in conda
    assert all(canonicalize_name(each) == each for each in pip)
    allowed = tomllib.loads(_text("pyproject.toml"))["project"]["requires-python"]
    assert conda["python"] in SpecifierSet(allowed)
    lock = Path(ROOT, "uv.lock").read_text(encoding="utf-8")
    tag = "cp" + conda["python"].replace(".", "")
    assert re.search(rf"nvtabular-23\.8\.0-{tag}-{tag}-manylinux", lock), "it would be compiled"


def test_rapids_is_one_release_built_for_the_cuda_of_the_lock() -> None:
    """cuDF, dask-cudf and dask-cuda are of one release, for CUDA 12 like the wheels."""
    conda, _ = _specifications(_text("environment.yml"))
    assert conda["cudf"] == conda["dask-cudf"] == conda["dask-cuda"]
    assert all(ON_PYPI[name].endswith(("cu12", "cuda12x")) for name in ON_PYPI)
    assert conda["cuda-version"].split(".")[0] == "12"


def test_both_say_how_they_are_installed() -> None:
    """Without PIP_NO_DEPS pip would refuse, so the header gives the command with the file's own name."""
    for name in FILES:
        assert f"PIP_NO_DEPS=1 conda env create --file {name}" in _text(name)
        assert "pip install --no-deps --editable ." in _text(name)
