"""The code that a release carries: old and new releases run side by side, each with its own code."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import runtime
from ensemble.triton import config

_RUNTIME = Path(runtime.__file__).parent
_TRITON = Path(config.__file__).parent


def copy_code(directory: Path) -> None:
    """Copy the runtime and Triton's ``model.py`` into a release folder."""
    shutil.copytree(_RUNTIME, directory / "runtime", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(_TRITON / "model.py", directory / "model.py")
    # Triton's interpreter would write a compiled model.py next to the original and from then on load
    # that, unchecked. A file with the name of the cache folder prevents it.
    (directory / "__pycache__").write_text(
        "Python keeps no compiled code here.\n", encoding="utf-8"
    )


def code_files() -> Iterator[Path]:
    """Every source file that a release depends on."""
    yield from sorted(_RUNTIME.rglob("*.py"))
    yield from (_TRITON / "model.py", _TRITON / "config.py")
