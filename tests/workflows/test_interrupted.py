"""A kill, Ctrl-C or a full disk while preparing, and another process that prepares the same."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.workflows.shop import write_shop
from tests.workflows.test_cluster import files_that_differ
from workflows.engines.choice import Engine
from workflows.prepare import prepare

Build = Callable[..., Recipe]

#: 300 purchases are eight partitions.
ROWS = 40
SCRIPT = f"""
import os, resource, signal, sys
from pathlib import Path
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from recipes.schema.recipe import Recipe
from tests.heard import heard
from workflows.prepare import prepare

import shims.without_tensorflow
from workflows import partitions

recipe = Recipe.model_validate_json(sys.argv[1])
engine, kill_at, largest_file = sys.argv[3], sys.argv[4], int(sys.argv[5])
add = partitions.Written.add
partitions.ROWS_PER_PARTITION = {ROWS}

def say(line):
    if kill_at and kill_at in line.split():
        os.kill(os.getpid(), signal.SIGKILL)

def add_or_die(written, number):
    add(written, number)
    if kill_at == "third" and len(written) == 3:
        os.kill(os.getpid(), signal.SIGKILL)

partitions.Written.add = add_or_die
if largest_file:
    # what is imported may be compiled and written
    import workflows.engines.polars_engine, workflows.engines.nvtabular_engine
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
try:
    with heard(say):
        prepare(recipe, Artifacts(Path(sys.argv[2])), force=True, engine=engine, encoded_rows=True)
except ShortlistError as error:
    sys.exit(str(error))
"""


@pytest.fixture(autouse=True)
def small_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflows.partitions.ROWS_PER_PARTITION", ROWS)


def run(
    recipe: Recipe,
    artifacts: Artifacts,
    kill_at: str = "",
    engine: Engine = "polars",
    largest_file: int = 0,
) -> subprocess.CompletedProcess[str]:
    """``kill_at``: a word that is said, or "third": when three partitions are written."""
    command = [sys.executable, "-c", SCRIPT, recipe.model_dump_json(), str(artifacts.root)]
    return subprocess.run(
        [*command, engine, kill_at, str(largest_file)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )


def undisturbed(recipe: Recipe, root: Path, engine: Engine = "polars") -> Artifacts:
    artifacts = Artifacts(root)
    write_shop(artifacts.raw)
    prepare(recipe, artifacts, force=False, engine=engine, encoded_rows=True)
    return artifacts


def files(root: Path) -> dict[Path, bytes]:
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("moment", ["split:", "third", "encoded"])
def test_a_kill_leaves_the_old_output(shop: Artifacts, shop_recipe: Build, moment: str) -> None:
    """kill -9 early, in the middle or right before the end: the old output stays."""
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    before = files(shop.prepared.root)
    other = shop_recipe(interactions={"history_length": 1})
    assert run(other, shop, kill_at=moment).returncode == -signal.SIGKILL
    assert files(shop.prepared.root) == before
    assert shop.preparing.root.exists()
    prepare(other, shop, force=False, encoded_rows=True)
    assert not shop.preparing.root.exists()
    assert files(shop.prepared.root) != before


@pytest.mark.parametrize("engine", ["polars", "dask"])
@pytest.mark.parametrize("moment", ["split:", "third", "encoded"])
def test_a_killed_run_goes_on_at_the_partition(
    shop: Artifacts,
    shop_recipe: Build,
    messages: list[str],
    tmp_path: Path,
    engine: Engine,
    moment: str,
) -> None:
    """Partitions that were written stay as they are, half a file is made anew: the same bytes at the end."""
    assert run(shop_recipe(), shop, moment, engine).returncode == -signal.SIGKILL
    output = shop.preparing.output.root
    written = {f"part_{int(path.name):05}.parquet" for path in shop.preparing.written.iterdir()}
    assert len(written) == {"split:": 0, "third": 3, "encoded": 8}[moment]
    made: dict[Path, int] = {}
    # before Dask encodes, all raw rows are written
    raw_too = shop.preparing.laid.exists()
    for path in output.rglob("part_*.parquet"):
        if path.name in written or (raw_too and path.parent.parent.name == "raw"):
            made[path.relative_to(output)] = path.stat().st_mtime_ns
        else:
            path.write_bytes(b"half a file")
    prepare(shop_recipe(), shop, force=False, engine=engine, encoded_rows=True)
    assert messages[0].startswith("going on with the preparation")
    assert (f"partitions that are written already: {len(written)}" in messages) == bool(written)
    again = {name: (shop.prepared.root / name).stat().st_mtime_ns for name in made}
    # where nothing is left to encode, Dask encodes the first again
    if engine == "polars" or moment != "encoded":
        assert again == made
    whole = undisturbed(shop_recipe(), tmp_path / "undisturbed", engine)
    assert files_that_differ(shop.prepared.root, whole.prepared.root) == []
    assert sorted(path.name for path in shop.root.iterdir()) == [
        "prepared",
        "preparing.lock",
        "raw",
    ]


def test_other_data_begin_anew(
    shop: Artifacts,
    shop_recipe: Build,
    messages: list[str],
    tmp_path: Path,
    replace_column: Callable[[Path, str, Any], None],
) -> None:
    """What a killed run left of data that have changed since is thrown away."""
    assert run(shop_recipe(), shop, "third").returncode == -signal.SIGKILL
    replace_column(shop.raw.interactions, "stars", [2.0] * 300)
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    assert not any("going on" in line or "already" in line for line in messages)
    fresh = Artifacts(tmp_path / "fresh")
    write_shop(fresh.raw)
    replace_column(fresh.raw.interactions, "stars", [2.0] * 300)
    prepare(shop_recipe(), fresh, force=False, encoded_rows=True)
    assert files_that_differ(shop.prepared.root, fresh.prepared.root) == []


def test_another_engine_begins_anew(
    shop: Artifacts, shop_recipe: Build, messages: list[str]
) -> None:
    """Partitions of two engines, whose means differ in the last bits, do not mix."""
    assert run(shop_recipe(), shop, "third").returncode == -signal.SIGKILL
    prepare(shop_recipe(), shop, force=False, engine="dask", encoded_rows=True)
    assert not any("going on" in line or "already" in line for line in messages)


@pytest.mark.parametrize("engine", ["polars", "dask"])
def test_ctrl_c_keeps_what_is_written(
    shop: Artifacts, shop_recipe: Build, messages: list[str], engine: Engine
) -> None:
    """The next run goes on; the one after that finds everything up to date."""

    def interrupt(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(
            shop_recipe(), shop, force=False, engine=engine, progress=interrupt, encoded_rows=True
        )
    seen: list[tuple[int, int]] = []
    messages.clear()
    prepare(
        shop_recipe(),
        shop,
        force=False,
        engine=engine,
        progress=lambda done, total: seen.append((done, total)),
        encoded_rows=True,
    )
    assert messages[0].startswith("going on with the preparation")
    assert seen[0][0] > 150
    assert seen[-1] == (300, 300)
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    assert messages[-1].endswith("is up to date")


def test_an_error_leaves_nothing_behind(shop: Artifacts, shop_recipe: Build) -> None:
    """Work that failed would fail again: the disk is cleared of it."""

    def fail(done: int, total: int) -> None:
        raise RuntimeError("by chance")

    with pytest.raises(RuntimeError, match="by chance"):
        prepare(shop_recipe(), shop, force=False, progress=fail, encoded_rows=True)
    assert sorted(path.name for path in shop.root.iterdir()) == ["preparing.lock", "raw"]


def test_two_do_not_prepare_the_same_at_once(shop: Artifacts, shop_recipe: Build) -> None:
    """The second is refused and told of the first, which is not disturbed."""
    refusals: list[str] = []

    def also(done: int, total: int) -> None:
        with pytest.raises(ShortlistError) as refused:
            prepare(shop_recipe(), shop, force=True, encoded_rows=True)
        refusals.append(str(refused.value))

    prepare(shop_recipe(), shop, force=False, progress=also, encoded_rows=True)
    assert f"`shortlist prepare shop` (process {os.getpid()}" in refusals[0]
    assert (shop.prepared.root / "stamp.json").exists()


@pytest.mark.parametrize("largest_file", [500, 4_500])
def test_a_full_disk_is_explained_and_leaves_the_old_output(
    shop: Artifacts, shop_recipe: Build, largest_file: int
) -> None:
    """Files that cannot grow further, at the first or a later one: what to do, and nothing lost."""
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    before = files(shop.prepared.root)
    done = run(shop_recipe(), shop, largest_file=largest_file)
    assert done.returncode == 1
    assert "could not be written" in done.stderr
    assert "Free disk space" in done.stderr
    assert files(shop.prepared.root) == before
    assert not shop.preparing.root.exists()
