"""Run the notebooks as a reader would: a kernel each, from their folder, top to bottom.

``python -m tests.notebooks.running`` runs all of them, or those whose numbers are given, and stores them
with their outputs.
"""

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

FOLDER = Path(__file__).parents[2] / "notebooks"
#: What ``stages.progress`` says: how long a phase takes differs from run to run.
PROGRESS = re.compile(
    r"^.*: (?:started|running for .*|took .*|\d+ %, about .* left)\n|^evaluated .* in [\d.]+ s\n|"
    r"^training on .* of memory\n",
    re.MULTILINE,
)
#: Seconds that a cell may take.
PATIENCE = 600


def paths() -> list[Path]:
    """The stored notebooks, in the order in which they are meant to be read."""
    return sorted(FOLDER.glob("*.ipynb"))


def numbered(number: str) -> Path:
    """The notebook whose name begins with ``number``."""
    (path,) = FOLDER.glob(f"{number}-*.ipynb")
    return path


def read(path: Path) -> NotebookNode:
    """The stored notebook."""
    return nbformat.read(path, as_version=4)


def run(path: Path, environment: Mapping[str, str]) -> NotebookNode:
    """The notebook with the outputs of a run, without progress; its file stays as it is.

    Raises:
        CellExecutionError: a cell failed; the message holds its traceback.
    """
    notebook = read(path)
    client = NotebookClient(
        notebook,
        timeout=PATIENCE,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    # Use neither the reader's IPython start-up files nor another Matplotlib backend.
    with tempfile.TemporaryDirectory(prefix="shortlist-ipython-") as ipython:
        own = {name: value for name, value in environment.items() if name != "MPLBACKEND"}
        client.execute(env={**own, "IPYTHONDIR": ipython})
    for cell in code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "stream":
                output.text = PROGRESS.sub("", output.text)
        cell.outputs = [each for each in cell.outputs if each.get("text", "-")]
    return notebook


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The cells with code, in their order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(notebook: NotebookNode) -> Iterator[str]:
    """The text of every output of a notebook."""
    for cell in code_cells(notebook):
        yield from texts(cell)


def texts(cell: NotebookNode) -> Iterator[str]:
    """The text of every output: what was printed, and tables as plain text and as HTML."""
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.text
        for kind, content in sorted(output.get("data", {}).items()):
            if kind.startswith("text/"):
                yield content


def _store(path: Path) -> None:
    notebook = run(path, os.environ)
    # The exact version of Python would change with every machine.
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, path)


if __name__ == "__main__":
    for path in map(numbered, sys.argv[1:]) if sys.argv[1:] else paths():
        print(path.name, flush=True)
        _store(path)
