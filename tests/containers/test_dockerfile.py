"""The Dockerfile, as far as it can be checked without building an image."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from ensemble.triton.ports import USUAL
from scripts.bootstrap import UV_VERSION
from scripts.cli import parser_for
from tests.containers.dockerfile import ROOT, allowed, read_stages, run_options
from tests.containers.locked import locked

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
STAGES = read_stages(TEXT)
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
IMAGES = ("cpu", "gpu")


def _complaints(text: str, *options: str) -> set[str]:
    """Codes of the hadolint rules that the text breaks."""
    hadolint = Path(sys.executable).with_name("hadolint")
    command = [str(hadolint), "--no-fail", "--format", "json", *options, "-"]
    ended = subprocess.run(
        command, input=text, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return {found["code"] for found in json.loads(ended.stdout)}


def _interpreter(image: str) -> str:
    """The version of the Python that an image's packages are installed for."""
    (command,) = [each for each in STAGES[f"{image}-packages"].texts("RUN") if "uv sync" in each]
    return re.search(r"--python \S+/python(\d\.\d+)", command)[1]  # type: ignore[index]


def test_hadolint_finds_nothing() -> None:
    """Not even style issues, and no configuration file disables rules."""
    assert _complaints(TEXT) == set()
    assert not list(ROOT.glob(".hadolint*"))


def test_hadolint_would_find_something() -> None:
    """It reports a floating tag, a user given by name, and a rule that is no longer ignored."""
    assert "DL3007" in _complaints(re.sub(r"(tritonserver):\S+", r"\1:latest", TEXT))
    assert "DL3066" in _complaints(TEXT.replace("USER 10001:10001", "USER shortlist"))
    assert "DL3008" in _complaints(TEXT.replace("# hadolint ignore=DL3008\n", ""))


def test_an_ignored_rule_is_explained() -> None:
    """Only rules that would complain are ignored, and the line above each says why."""
    lines = TEXT.splitlines()
    ignored: set[str] = set()
    for number, line in enumerate(lines):
        found = re.match(r"# hadolint .*ignore=(\S+)", line)
        if found:
            ignored.update(found[1].split(","))
            assert re.match(r"# \w.{30}", lines[number - 1]), f"line {number + 1} says no reason"
    assert ignored == _complaints(TEXT, "--disable-ignore-pragma")


def test_uv_is_the_one_that_the_project_brings() -> None:
    """Image and checkout are installed by the same version of uv, which reads this uv.lock."""
    installed = [text for stage in STAGES.values() for text in stage.texts("RUN") if "pip" in text]
    pins = [found for text in installed for found in re.findall(r"uv==(\S+)", text)]
    assert pins == [UV_VERSION]


@pytest.mark.parametrize("image", IMAGES)
def test_packages_are_the_locked_ones_for_that_python(image: str) -> None:
    """The right extra, as locked, without development tools, for a Python that the lock supports."""
    (command,) = [each for each in STAGES[f"{image}-packages"].texts("RUN") if "uv sync" in each]
    assert "--frozen --no-dev" in command
    assert re.findall(r"--extra (\w+)", command) == [image]
    assert _interpreter(image) in SpecifierSet(PYPROJECT["project"]["requires-python"])
    assert locked(image, _interpreter(image))["nvtabular"]


def test_the_cpu_images_python_has_a_wheel_of_nvtabular() -> None:
    """The slim image has no compiler, so NVTabular needs a wheel for the Python of the image's tag."""
    base = re.fullmatch(r"python:(\d\.\d+)-slim-bookworm", STAGES["python"].base)
    assert base is not None
    assert base[1] == _interpreter("cpu")
    tag = "cp" + base[1].replace(".", "")
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    (nvtabular,) = [each for each in lock["package"] if each["name"] == "nvtabular"]
    assert any(f"-{tag}-manylinux" in wheel["url"] for wheel in nvtabular["wheels"])


def test_the_gpu_image_is_of_the_month_of_rapids() -> None:
    """Triton's container and cuDF are of the same NVIDIA release, whose Python is 3.12."""
    tag = re.fullmatch(r"nvcr\.io/nvidia/tritonserver:(\d\d\.\d\d)-py3", STAGES["triton"].base)
    assert tag is not None
    assert locked("gpu", _interpreter("gpu"))["cudf-cu12"].startswith(f"{tag[1]}.")
    assert _interpreter("gpu") == "3.12"


def test_a_change_of_code_installs_no_package_again() -> None:
    """Packages depend on two files; the code is copied after them, and then only linked in."""
    for image in IMAGES:
        assert STAGES[f"{image}-packages"].texts("COPY") == ["pyproject.toml uv.lock ./"]
        packages = f"--from={image}-packages /opt/shortlist/.venv .venv"
        assert STAGES[image].texts("COPY") == [packages, ". ./"]
        names = [each.text for each in STAGES[image].instructions]
        (last,) = [text for text in names[names.index(". ./") :] if "pip" in text or "uv " in text]
        assert run_options(last)[1] == "/mnt/uv pip install --no-deps --editable ."


def test_both_images_are_used_alike() -> None:
    """The same user, volume, ports, command and health check; only the packages differ."""
    cpu, gpu = ([(e.name, e.text) for e in STAGES[image].instructions] for image in IMAGES)
    assert [(name, text.replace("gpu-", "cpu-")) for name, text in gpu] == cpu
    assert list(STAGES)[-1] == "cpu", "the last stage is what `docker build .` makes"
    assert set(IMAGES) < set(STAGES)


def test_the_words_after_the_images_name_are_the_command() -> None:
    """`docker run IMAGE shortlist demo` runs just that, which is also the default."""
    for image in IMAGES:
        assert STAGES[image].texts("ENTRYPOINT") == []
        (command,) = (json.loads(text) for text in STAGES[image].texts("CMD"))
        assert command[0] in PYPROJECT["project"]["scripts"]
        assert parser_for(command[1:]).parse_args(command[1:]).command == "demo"


def test_the_user_is_not_root_and_owns_the_artifacts() -> None:
    """The user's id is the one that was created, and artifacts go where it may write."""
    for image in IMAGES:
        (user,) = STAGES[image].texts("USER")
        made = STAGES[image].texts("RUN")[0]
        assert user == "10001:10001"
        assert "useradd --uid 10001" in made
        (volume,) = STAGES[image].texts("VOLUME")
        assert made.endswith(f"install --directory --owner shortlist --group shortlist {volume}")
        assert f"SHORTLIST_ARTIFACTS={volume}" in STAGES[image].texts("ENV")[0]
        assert STAGES[image].texts("EXPOSE") == [" ".join(str(port) for port in USUAL.values())]


def _commands() -> Iterator[str]:
    for stage in STAGES.values():
        yield from stage.texts("RUN")


def test_nothing_is_fetched_but_by_package_managers() -> None:
    """No RUN line names a URL or a program that downloads from one."""
    commands = [*_commands()]
    assert len(commands) >= 5
    assert not [each for each in commands if re.search(r"https?://|\b(curl|wget|git)\b", each)]


def test_the_context_is_what_the_package_is_built_of() -> None:
    """.dockerignore lets through the packages of the wheel and the files that describe them, no more."""
    wheel = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    project = PYPROJECT["project"]
    described = ["pyproject.toml", "uv.lock", project["readme"], *project["license-files"]]
    assert sorted(allowed()) == sorted([*wheel, *described])
    assert all((ROOT / name).exists() for name in allowed())
