"""Data flows one way through the folders, and the server's code stands on its own."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
#: A folder imports from itself and from those before it.
ORDER = ("recipes", "sources", "workflows", "models", "ensemble", "evaluation", "scripts")
RUNTIME = ROOT / "ensemble" / "runtime"
#: What is installed where releases are served, beside the standard library.
SERVED_WITH = {"numpy", "onnxruntime", "faiss", "redis"}


def _imports(path: Path) -> Iterator[tuple[str, int, int]]:
    """Module, level (0 for absolute) and line of every import, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level, node.lineno


@pytest.mark.parametrize("folder", ORDER)
def test_a_folder_imports_only_from_those_before_it(folder: str) -> None:
    """No stage reaches forward to what is made of its output.

    ensemble/runtime is a leaf that imports nothing of the project (see below), so the training of the
    ranker may compute its numbers with the code that serves them: docs/decisions/0002.
    """
    later = ORDER[ORDER.index(folder) + 1 :]
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for module, level, line in _imports(path)
        if level == 0 and module.split(".")[0] in later and not _is_runtime(module)
    ]
    assert wrong == []


def _is_runtime(module: str) -> bool:
    return module.startswith("ensemble.runtime.")


def test_the_project_imports_nothing_of_its_tests() -> None:
    """What is shipped runs without the folder tests/."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ORDER
        for path in sorted((ROOT / folder).rglob("*.py"))
        for module, level, line in _imports(path)
        if level == 0 and module.split(".")[0] in ("tests", "pytest", "hypothesis")
    ]
    assert wrong == []


def test_the_runtime_needs_no_more_than_a_server_has() -> None:
    """A release carries this folder's code: it imports nothing else of the project, relatively."""
    wrong = []
    for path in sorted(RUNTIME.rglob("*.py")):
        depth = len(path.relative_to(RUNTIME).parts)
        for module, level, line in _imports(path):
            top = module.split(".")[0]
            inside = 0 < level <= depth
            known = level == 0 and (top in sys.stdlib_module_names or top in SERVED_WITH)
            if not (inside or known):
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {'.' * level}{module}")
    assert wrong == []


def test_a_forbidden_import_would_be_seen(tmp_path: Path) -> None:
    """Imports hidden in functions, under TYPE_CHECKING and in `from` forms are all found."""
    path = tmp_path / "module.py"
    path.write_text(
        "import os, models.train\n"
        "from . import near\n"
        "if TYPE_CHECKING:\n"
        "    from ..above import thing\n"
        "def function():\n"
        "    from scripts.cli import main\n"
    )
    assert sorted(_imports(path)) == [
        ("", 1, 2),
        ("above", 2, 4),
        ("models.train", 0, 1),
        ("os", 0, 1),
        ("scripts.cli", 0, 6),
    ]
