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
from tests.disks import full_disk
from tests.heard import heard
from tests.workflows.shop import write_shop
from tests.workflows.test_cluster import files_that_differ
from workflows import partitions
from workflows.engines.choice import Engine
from workflows.prepare import prepare

Build = Callable[..., Recipe]

#: 300 purchases are eight partitions.
ROWS = 40
#: Kills its own process after writing three partitions.
SCRIPT = f"""
import os, signal, sys
from pathlib import Path
import shims.without_tensorflow
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from workflows import partitions
from workflows.prepare import prepare

recipe, engine = Recipe.model_validate_json(sys.argv[1]), sys.argv[3]
add = partitions.Written.add
partitions.ROWS_PER_PARTITION = {ROWS}

def add_or_die(written, number):
    add(written, number)
    if len(written) >= 3:
        os.kill(os.getpid(), signal.SIGKILL)

partitions.Written.add = add_or_die
prepare(recipe, Artifacts(Path(sys.argv[2])), force=True, engine=engine, encoded_rows=True)
"""


@pytest.fixture(autouse=True)
def small_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflows.partitions.ROWS_PER_PARTITION", ROWS)


def kill(recipe: Recipe, artifacts: Artifacts) -> None:
    """Kill -9 another process that prepares, after it has written three partitions."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, recipe.model_dump_json(), str(artifacts.root), "polars"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]


def interrupt(recipe: Recipe, artifacts: Artifacts, moment: str, engine: Engine = "polars") -> None:
    """Ctrl-C in a preparation; ``moment``: a logged word, or "third": three partitions are written."""
    add = partitions.Written.add

    def at_word(line: str) -> None:
        if moment in line.split():
            raise KeyboardInterrupt

    def at_third(written: partitions.Written, number: int) -> None:
        add(written, number)
        if moment == "third" and len(written) == 3:
            raise KeyboardInterrupt

    with (
        heard(at_word),
        pytest.MonkeyPatch.context() as patch,
        pytest.raises(KeyboardInterrupt),
    ):
        patch.setattr(partitions.Written, "add", at_third)
        patch.setattr(partitions, "AT_A_TIME", 1)
        prepare(recipe, artifacts, force=True, engine=engine, encoded_rows=True)


def undisturbed(recipe: Recipe, root: Path, engine: Engine = "polars") -> Artifacts:
    artifacts = Artifacts(root)
    write_shop(artifacts.raw)
    prepare(recipe, artifacts, force=False, engine=engine, encoded_rows=True)
    return artifacts


def files(root: Path) -> dict[Path, bytes]:
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("moment", ["split:", "killed", "encoded"])
def test_an_interruption_leaves_the_old_output(
    shop: Artifacts, shop_recipe: Build, moment: str
) -> None:
    """Ctrl-C early or right before the end, or kill -9 in the middle: the old output stays."""
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    before = files(shop.prepared.root)
    other = shop_recipe(interactions={"history_length": 1})
    if moment == "killed":
        kill(other, shop)
    else:
        interrupt(other, shop, moment)
    assert files(shop.prepared.root) == before
    assert shop.preparing.root.exists()
    prepare(other, shop, force=False, encoded_rows=True)
    assert not shop.preparing.root.exists()
    assert files(shop.prepared.root) != before


@pytest.mark.parametrize(
    ("engine", "moment"),
    [
        ("polars", "killed"),
        *(("polars", moment) for moment in ("split:", "encoded")),
        *(("dask", moment) for moment in ("split:", "third", "encoded")),
    ],
)
def test_an_interrupted_run_goes_on_at_the_partition(
    shop: Artifacts,
    shop_recipe: Build,
    messages: list[str],
    tmp_path: Path,
    engine: Engine,
    moment: str,
) -> None:
    """Written partitions stay as they are, half a file is replaced: the same bytes in the end."""
    if moment == "killed":
        kill(shop_recipe(), shop)
    else:
        interrupt(shop_recipe(), shop, moment, engine)
    messages.clear()
    output = shop.preparing.output.root
    written = {f"part_{int(path.name):05}.parquet" for path in shop.preparing.written.iterdir()}
    assert len(written) == {"split:": 0, "killed": 3, "third": 3, "encoded": 8}[moment]
    made: dict[Path, int] = {}
    # before Dask encodes, all raw rows are written
    raw_too = shop.preparing.partitions.exists()
    for path in output.rglob("part_*.parquet"):
        if path.name in written or (raw_too and path.parent.parent.name == "raw"):
            made[path.relative_to(output)] = path.stat().st_mtime_ns
        else:
            path.write_bytes(b"half a file")
    prepare(shop_recipe(), shop, force=False, engine=engine, encoded_rows=True)
    assert messages[0].startswith("resuming the interrupted preparation")
    assert (f"partitions already written: {len(written)}" in messages) == bool(written)
    again = {name: (shop.prepared.root / name).stat().st_mtime_ns for name in made}
    # if nothing is left to encode, Dask encodes the first again
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
    """Partitions of a killed run are deleted if the data have changed since."""
    interrupt(shop_recipe(), shop, "third")
    messages.clear()
    replace_column(shop.raw.interactions, "stars", [2.0] * 300)
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    assert not any("resuming" in line or "already" in line for line in messages)
    fresh = Artifacts(tmp_path / "fresh")
    write_shop(fresh.raw)
    replace_column(fresh.raw.interactions, "stars", [2.0] * 300)
    prepare(shop_recipe(), fresh, force=False, encoded_rows=True)
    assert files_that_differ(shop.prepared.root, fresh.prepared.root) == []


def test_another_engine_begins_anew(
    shop: Artifacts, shop_recipe: Build, messages: list[str]
) -> None:
    """Partitions of two engines, whose means differ in the last bits, do not mix."""
    interrupt(shop_recipe(), shop, "third")
    messages.clear()
    prepare(shop_recipe(), shop, force=False, engine="dask", encoded_rows=True)
    assert not any("resuming" in line or "already" in line for line in messages)


@pytest.mark.parametrize("engine", ["polars", "dask"])
def test_ctrl_c_keeps_what_is_written(
    shop: Artifacts, shop_recipe: Build, messages: list[str], engine: Engine
) -> None:
    """The next run resumes; the one after that finds everything up to date."""

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
    assert messages[0].startswith("resuming the interrupted preparation")
    assert seen[0][0] > 150
    assert seen[-1] == (300, 300)
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    assert messages[-1].endswith("is up to date")


def test_an_error_leaves_nothing_behind(shop: Artifacts, shop_recipe: Build) -> None:
    """Work that failed would fail again, so its files are deleted."""

    def fail(done: int, total: int) -> None:
        raise RuntimeError("by chance")

    with pytest.raises(RuntimeError, match="by chance"):
        prepare(shop_recipe(), shop, force=False, progress=fail, encoded_rows=True)
    assert sorted(path.name for path in shop.root.iterdir()) == ["preparing.lock", "raw"]


def test_two_do_not_prepare_the_same_at_once(shop: Artifacts, shop_recipe: Build) -> None:
    """The second is refused with a message about the first, which is not disturbed."""
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
    """Files that cannot grow, at the first write or a later one: the message helps, and nothing is lost."""
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    before = files(shop.prepared.root)
    with (
        full_disk(largest_file),
        pytest.raises(ShortlistError, match=r"expected to write .*prepared, got .*Free disk space"),
    ):
        prepare(shop_recipe(), shop, force=True, encoded_rows=True)
    assert files(shop.prepared.root) == before
    assert not shop.preparing.root.exists()
