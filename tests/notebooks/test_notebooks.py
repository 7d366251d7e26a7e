"""The notebooks run from top to bottom, show what they claim, and are stored as they run."""

import ast
import os
import re
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from nbformat import NotebookNode

from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts, downloads
from tests.notebooks.running import code_cells, numbered, paths, read, run, shown, texts

ROOT = Path(__file__).parents[2]
MOST_BYTES = 300_000
#: What a notebook may import, besides the standard library.
PROJECT = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {"shortlist"}
SHOWN_WITH = {"matplotlib", "merlin", "numpy", "nvtabular", "pandas", "pyarrow", "tensorflow"}
#: Folders that are specific to the machine on which a notebook was stored.
OF_A_MACHINE = re.compile(r"(?<![\w.])/(?:home|root|Users|tmp|var|mnt)/")

Run = Callable[[str], NotebookNode]
each = pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def ran(movielens: tuple[Recipe, Artifacts]) -> Run:
    """Runs a notebook by its number, once; all share their artifacts, so MovieLens is trained once."""
    artifacts = movielens[1].root.parent
    (artifacts / "downloads").symlink_to(downloads().absolute())
    environment = {**os.environ, "SHORTLIST_ARTIFACTS": str(artifacts)}
    return cache(lambda number: run(numbered(number), environment))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> NotebookNode:
    """The notebook of the made-up shop, which needs no data set."""
    artifacts = str(tmp_path_factory.mktemp("shop"))
    return run(numbered("05"), {**os.environ, "SHORTLIST_ARTIFACTS": artifacts})


def printed(notebook: NotebookNode, pattern: str) -> re.Match[str]:
    """The match of ``pattern`` in what a notebook shows; there must be one."""
    text = "\n".join(shown(notebook))
    found = re.search(pattern, text)
    assert found is not None, f"nothing shown matches {pattern!r}:\n{text}"
    return found


def numbers(notebook: NotebookNode, pattern: str) -> list[float]:
    """The groups of ``pattern`` as numbers."""
    return [float(group.replace(",", "")) for group in printed(notebook, pattern).groups()]


def kinds(notebook: NotebookNode) -> list[list[str]]:
    """The kinds of the outputs of every code cell."""
    return [
        [output.get("name") or ", ".join(sorted(output.data)) for output in cell.outputs]
        for cell in code_cells(notebook)
    ]


def test_there_are_six_and_each_has_its_line() -> None:
    """The notebooks' README names every notebook, in order, and no other."""
    text = (ROOT / "notebooks" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\((\d\d-[\w-]+\.ipynb)\)", text) == [path.name for path in paths()]
    assert [path.name[:2] for path in paths()] == ["01", "02", "03", "04", "05", "06"]


@each
def test_it_defines_nothing(path: Path) -> None:
    """Anything worth a function is in the project's packages, where it is tested."""
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    for cell in code_cells(read(path)):
        found = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, definitions)]
        assert not found, cell.source


@each
def test_it_imports_the_project_and_what_shows_its_work(path: Path) -> None:
    """No other library does the project's work."""
    imported = set()
    for cell in code_cells(read(path)):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(str(node.module).split(".")[0])
    assert imported & PROJECT
    assert imported <= PROJECT | SHOWN_WITH | sys.stdlib_module_names


@each
def test_it_is_stored_with_the_outputs_of_one_run(path: Path) -> None:
    """Every cell ran once, in order and without an error or a warning."""
    cells = code_cells(read(path))
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert len(outputs) >= 5
    assert not [output for output in outputs if output.output_type == "error"]
    assert "stderr" not in {output.get("name") for output in outputs}


@each
def test_it_tells_nothing_of_the_machine_it_ran_on(path: Path) -> None:
    """No paths of that machine, and no large file."""
    text = "\n".join(shown(read(path)))
    assert not OF_A_MACHINE.search(text)
    assert str(Path.home()) not in text
    assert str(ROOT) not in text
    assert path.stat().st_size < MOST_BYTES


def assert_shows_what_is_stored(notebook: NotebookNode, stored: NotebookNode) -> None:
    """Outputs of the same kinds in the same cells; the same text, except in cells tagged ``varies``.

    Those show trained weights or the clock, which differ between machines.
    """
    assert kinds(notebook) == kinds(stored)
    for cell, before in zip(code_cells(notebook), code_cells(stored), strict=True):
        if "varies" not in before.metadata.get("tags", []):
            assert list(texts(cell)) == list(texts(before)), before.source


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("number", ["01", "02", "03", "04", "06"])
def test_it_runs_and_shows_what_is_stored(ran: Run, number: str) -> None:
    """The stored outputs are those of this code."""
    assert_shows_what_is_stored(ran(number), read(numbered(number)))


@pytest.mark.slow
def test_the_shop_runs_and_shows_what_is_stored(shop: NotebookNode) -> None:
    """As above, for the notebook that makes its own data."""
    assert_shows_what_is_stored(shop, read(numbered("05")))


@each
def test_most_cells_are_compared(path: Path) -> None:
    """Every notebook has cells whose outputs do not depend on the machine."""
    cells = code_cells(read(path))
    assert any("varies" not in cell.metadata.get("tags", []) for cell in cells if cell.outputs)


@pytest.mark.slow
@pytest.mark.data
def test_the_split_and_the_encoding_are_shown(ran: Run) -> None:
    """01: the published number of test rows; codes go both ways; the server's codes all agree."""
    notebook = ran("01")
    assert numbers(notebook, r"test +(\d+) +(\d+) ") == [24_934, 943]
    assert printed(notebook, r"student +3 +student")
    assert printed(notebook, r"astronaut +2 +None")
    skew = printed(notebook, r"rows +rows that differ\ncolumn +\n((?:\w+ +\d+ +\d+\n?)+)")[1]
    assert [line.split()[::2] for line in skew.strip().splitlines()] == [
        [column, "0"]
        for column in ("user_id", "age", "gender", "occupation", "item_id", "genres", "year")
    ]
    assert numbers(notebook, r"([\d,]+) histories compared, (\d+) differ") == [24_934, 0]


@pytest.mark.slow
@pytest.mark.data
def test_retrieval_finds_more_than_popularity(ran: Run) -> None:
    """02: at 10 and at 100, and more at 100 than at 10."""
    recall = r"recall@{}: two-tower ([\d.]+), popularity ([\d.]+)"
    at_10, at_100 = (numbers(ran("02"), recall.format(k)) for k in (10, 100))
    assert at_100[0] > at_10[0] > at_10[1] > 0.1
    assert at_100[0] > at_100[1] > at_10[1]


@pytest.mark.slow
@pytest.mark.data
def test_the_ranker_lifts_what_retrieval_found(ran: Run) -> None:
    """03: a better order, and the report's AUC and log loss, recomputed from the shown candidates."""
    before, after = numbers(ran("03"), r"retrieval alone ([\d.]+), whole funnel ([\d.]+)")
    assert after > before
    for figure in ("AUC", "log loss"):
        computed, reported = numbers(ran("03"), rf"{figure} ([\d.]+) \(report: ([\d.]+)\)")
        assert computed == pytest.approx(reported, abs=2e-4)
    better, worse = numbers(ran("03"), r"better for (\d+)% of the users, worse for (\d+)%")
    assert better > worse


@pytest.mark.slow
@pytest.mark.data
def test_the_server_answers_the_same_whichever_way_it_is_asked(ran: Run) -> None:
    """04: over gRPC and HTTP, alone and among many, served and in process; then it stops."""
    notebook = ran("04")
    assert numbers(notebook, r"(\d+) users asked for over gRPC and over HTTP") == [256]
    for line in (
        "same items: True, same scores: True",
        "alone and among 256: True",
        "in process and served: True",
        "the rest moved up: True",
        r"known_user: \[True, False, False\]",
        "all unknown users get the same: True",
        "still running: False",
    ):
        assert printed(notebook, line)


@pytest.mark.slow
def test_the_shop_gets_what_its_customers_like(shop: NotebookNode) -> None:
    """05: under 25 lines of TOML find most of a taste that is stated nowhere in the data."""
    assert numbers(shop, r"a recipe of (\d+) lines") < [25]
    assert numbers(shop, r"(\d+)% of the recommendations are from the customer's own") > [66]


@pytest.mark.slow
def test_a_misspelt_name_is_named_with_the_right_one(shop: NotebookNode) -> None:
    """05: a column that the data lacks, a key that no recipe has."""
    assert printed(
        shop, r"column 'custommer', .* in orders\.parquet, got none .did you mean 'customer'\?"
    )
    assert printed(shop, r"columns\.timestmap: .* got 'timestmap' .did you mean 'timestamp'\?")


@pytest.mark.slow
@pytest.mark.data
def test_two_tasks_in_one_model(ran: Run) -> None:
    """06: the second task helps the first, and the retrieval head finds more than popularity."""
    both, alone = numbers(ran("06"), r"RMSE: both tasks ([\d.]+), rating alone ([\d.]+)")
    (offsets,) = numbers(ran("06"), r"mean, user and item offsets +([\d.]+)")
    assert both < alone < offsets
    found, popular = numbers(ran("06"), r"retrieval head ([\d.]+), popularity ([\d.]+)")
    assert found > popular
