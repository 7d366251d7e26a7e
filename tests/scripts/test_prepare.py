"""The command `shortlist prepare`."""

import os
import subprocess
import sys
from pathlib import Path

from tests.readme_shop import write_shop

ROOT = Path(__file__).parents[2]
SCRIPT = """
import sys
from scripts import cli
code = cli.main()
print("TensorFlow was imported:", sys.modules.get("tensorflow") is not None)
sys.exit(code)
"""


def prepare(recipe: Path, artifacts: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, "prepare", str(recipe), *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": ".", "SHORTLIST_ARTIFACTS": str(artifacts)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_preparing_does_without_tensorflow(tmp_path: Path) -> None:
    """In a separate process; the second engine finds everything up to date."""
    recipe = write_shop(tmp_path)
    done = prepare(recipe, tmp_path / "artifacts", "--engine", "polars")
    assert done.returncode == 0, done.stderr
    assert "encoded 40 users and 12 items" in done.stderr
    assert "TensorFlow was imported: False" in done.stdout
    again = prepare(recipe, tmp_path / "artifacts", "--engine", "dask")
    assert "prepared is up to date" in again.stderr


def test_polars_and_workers_do_not_go_together(tmp_path: Path) -> None:
    """The command fails with the reason, and nothing is prepared."""
    done = prepare(write_shop(tmp_path), tmp_path / "a", "--engine", "polars", "--workers", "2")
    assert done.returncode == 1
    assert "--engine dask" in done.stderr
    assert not list((tmp_path / "a").glob("*/prepared"))
