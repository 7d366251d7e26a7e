"""Data flows one way through the folders, no file imports in a circle, and the server's code stands alone."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
#: A folder imports from itself and from those before it.
ORDER = (
    *("runtime", "metrics", "shims", "stages", "features", "recipes", "sources", "workflows"),
    *("models", "evaluation", "ensemble", "shortlist", "scripts"),
)
#: What is installed where releases are served, besides the standard library.
SERVED_WITH = {"numpy", "onnxruntime", "faiss", "redis", "regex"}
#: Distributions of packages that are not installed for the tests, or whose interface is another package's.
DISTRIBUTED_IN = {
    "annotated_types": "pydantic",  # in pydantic's public signatures
    "pydantic_core": "pydantic",
    "cudf": "cudf-cu12",
    "feast": "feast",
    "triton_python_backend_utils": "nvidia-pytriton",  # Triton provides it to its Python models
}


def _imports(path: Path) -> Iterator[tuple[str, int, int]]:
    """Module, level (0 for absolute) and line of every import, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, 0, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "", node.level, node.lineno


def _files(folder: str) -> list[Path]:
    """A folder's files; for ``shortlist`` the one file of that name."""
    single = ROOT / f"{folder}.py"
    return [single] if single.exists() else sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("folder", ORDER)
def test_a_folder_imports_only_from_those_before_it(folder: str) -> None:
    """No folder imports from one that works on its output."""
    later = ORDER[ORDER.index(folder) + 1 :]
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in _files(folder)
        for module, level, line in _imports(path)
        if level == 0 and module.split(".")[0] in later
    ]
    assert wrong == []


def test_the_product_imports_nothing_of_its_tests_and_benchmarks() -> None:
    """What is shipped runs without the folders tests/ and benchmarks/."""
    wrong = [
        f"{path.relative_to(ROOT)}:{line}"
        for folder in ORDER
        for path in _files(folder)
        for module, level, line in _imports(path)
        if level == 0 and module.split(".")[0] in ("tests", "benchmarks", "pytest", "hypothesis")
    ]
    assert wrong == []


def test_every_imported_package_is_declared() -> None:
    """A package that comes with another one could disappear with that one's next version."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    requirements = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    declared = {canonicalize_name(Requirement(each).name) for each in requirements}
    installed = packages_distributions()
    wrong = []
    for folder in ORDER:
        for path in _files(folder):
            for module, level, line in _imports(path):
                top = module.split(".")[0]
                if level or top in sys.stdlib_module_names or top in ORDER:
                    continue
                names = (
                    {DISTRIBUTED_IN[top]} if top in DISTRIBUTED_IN else installed.get(top, [top])
                )
                if declared.isdisjoint(map(canonicalize_name, names)):
                    wrong.append(f"{path.relative_to(ROOT)}:{line} imports {top}")
    assert wrong == []


@pytest.mark.parametrize("folder", [*ORDER, "benchmarks"])
def test_packages_that_import_merlin_activate_the_shims(folder: str) -> None:
    """Their ``__init__`` or that of a folder above imports ``shims``, before Merlin imports TensorFlow."""
    wrong = []
    for path in _files(folder):
        parents = [ROOT / parent / "__init__.py" for parent in path.relative_to(ROOT).parents]
        shimmed = path.parent == ROOT or any(
            module.split(".")[0] == "shims"
            for init in [*parents, path]
            if init.exists()
            for module in _imported_at_once(init)
        )
        if not shimmed and folder != "shims":
            wrong += [
                f"{path.relative_to(ROOT)} imports {module}"
                for module in _imported_at_once(path)
                if module.split(".")[0] in ("merlin", "nvtabular", "tensorflow")
            ]
    assert wrong == []


def _imported_at_once(path: Path) -> Iterator[str]:
    """The modules that importing a file imports, without those inside functions."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


def test_no_file_imports_in_a_circle() -> None:
    """Following imports, also those inside functions, no file of the product leads back to itself."""
    files = [path for folder in ORDER for path in _files(folder)]
    graph = {path: set(_imported_files(path)) - {path} for path in files}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(str(path.relative_to(ROOT)) for path in error.args[1]))


def _imported_files(path: Path) -> Iterator[Path]:
    """The project's files that a file names in its imports.

    ``from package import name`` is an import of ``package/name.py`` if there is one, else of the
    package's ``__init__.py``.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            places = [Path(*alias.name.split(".")) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = path.relative_to(ROOT).parents[node.level - 1] if node.level else Path()
            base = base / Path(*(node.module or "").split("."))
            places = [base / alias.name for alias in node.names]
            places = [place if _file_of(place) else base for place in places]
        else:
            continue
        yield from (file for place in places if (file := _file_of(place)))


def _file_of(place: Path) -> Path | None:
    candidates = (ROOT / place.with_suffix(".py"), ROOT / place / "__init__.py")
    return next((file for file in candidates if place.parts and file.exists()), None)


@pytest.mark.parametrize("folder", [*ORDER, "benchmarks"])
def test_no_folder_holds_more_than_a_person_takes_in(folder: str) -> None:
    """At most sixteen Python files a folder, ``__init__.py`` included."""
    counts: dict[Path, int] = {}
    for path in _files(folder):
        counts[path.parent] = counts.get(path.parent, 0) + 1
    assert {str(place.relative_to(ROOT)): n for place, n in counts.items() if n > 16} == {}


def test_the_runtime_needs_no_more_than_a_server_has() -> None:
    """A release carries this folder's code: it imports nothing else of the project, relatively."""
    wrong = []
    for path in _files("runtime"):
        depth = len(path.relative_to(ROOT / "runtime").parts)
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
