"""The Dockerfile and .dockerignore, parsed as far as the tests need it."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Instruction:
    """One instruction with its continued lines joined: ``RUN`` and the text after it."""

    name: str
    text: str


@dataclass
class Stage:
    """``FROM base AS name`` and its instructions."""

    name: str
    base: str
    instructions: list[Instruction] = field(default_factory=list)

    def texts(self, name: str) -> list[str]:
        """The text of each instruction of that name."""
        return [each.text for each in self.instructions if each.name == name]


def read_stages(text: str) -> dict[str, Stage]:
    """The stages by name, in their order."""
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for line in _logical_lines(text):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            base, _, label = rest.partition(" AS ")
            stage = stages[label] = Stage(label, base)
        else:
            assert stage is not None, f"{name} before the first FROM"
            stage.instructions.append(Instruction(name, rest.strip()))
    return stages


def _logical_lines(text: str) -> Iterator[str]:
    joined = ""
    for line in text.splitlines():
        if line.lstrip().startswith("#") or not line.strip():
            continue
        if line.endswith("\\"):
            joined += line[:-1]
        else:
            yield joined + line
            joined = ""
    assert not joined, "the last line goes on"


def run_options(text: str) -> tuple[list[dict[str, str]], str]:
    """The ``--mount`` options of a RUN, and its command."""
    mounts = []
    while found := re.match(r"--mount=(\S+)\s+", text):
        mounts.append(dict(pair.split("=", 1) for pair in found[1].split(",")))
        text = text[found.end() :]
    assert not text.startswith("--"), f"another option: {text}"
    return mounts, text


def environment(text: str, before: dict[str, str]) -> dict[str, str]:
    """``ENV``'s variables, with ``$NAME`` of earlier ones filled in."""
    pairs = dict(pair.split("=", 1) for pair in text.split())
    known = {
        name: re.sub(r"\$(\w+)", lambda found: before[found[1]], value)
        for name, value in pairs.items()
    }
    return before | known


def allowed() -> list[str]:
    """The paths that .dockerignore lets through: it leaves out everything but the lines with ``!``."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    assert lines[0] == "*", "an allow list begins with leaving out everything"
    assert lines[-1] == "**/__pycache__"
    assert all(line.startswith("!") for line in lines[1:-1])
    return [line[1:] for line in lines[1:-1]]


def send_context(target: Path) -> None:
    """Copy what ``docker build .`` would send."""
    for name in allowed():
        if (ROOT / name).is_dir():
            leave_out = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, target / name, ignore=leave_out)
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
