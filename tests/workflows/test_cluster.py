"""Preparing on several processes."""

import filecmp
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.columns import PLACE
from stages.errors import ShortlistError
from workflows.prepare import prepare

Build = Callable[..., Recipe]


def files_that_differ(one: Path, other: Path) -> list[str]:
    """Compare all but NVTabular's own pickle of the workflow, in which objects have no fixed order."""
    names = {
        path.relative_to(folder)
        for folder in (one, other)
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("workflow.pkl", "metadata.json")
    }
    return [
        str(name)
        for name in sorted(names)
        if not ((one / name).exists() and (other / name).exists())
        or not filecmp.cmp(one / name, other / name, shallow=False)
    ]


@pytest.fixture
def one_process(shop: Artifacts, shop_recipe: Build, monkeypatch: pytest.MonkeyPatch) -> Artifacts:
    """The shop, prepared in this process in four partitions."""
    monkeypatch.setattr("workflows.partitions.ROWS_PER_PARTITION", 75)
    prepare(shop_recipe(), shop, force=False, engine="dask", encoded_rows=True)
    assert len(list(shop.prepared.interactions("train").glob("*.parquet"))) == 4
    return shop


def copy_of(artifacts: Artifacts, root: Path) -> Artifacts:
    shutil.copytree(artifacts.raw.root, root / "raw")
    return Artifacts(root)


def test_two_workers_write_the_same_bytes(
    one_process: Artifacts, shop_recipe: Build, tmp_path: Path
) -> None:
    """Two worker processes write the same files as one process."""
    two = copy_of(one_process, tmp_path / "two")
    prepare(shop_recipe(), two, force=False, workers=2, encoded_rows=True)
    assert files_that_differ(one_process.prepared.root, two.prepared.root) == []


def test_a_running_scheduler_is_used(
    one_process: Artifacts, shop_recipe: Build, tmp_path: Path
) -> None:
    """Workers started elsewhere, without Merlin set up, give that output too."""
    from distributed import LocalCluster

    there = copy_of(one_process, tmp_path / "there")
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        address = cluster.scheduler_address
        prepare(shop_recipe(), there, force=False, scheduler=address, encoded_rows=True)
    assert files_that_differ(one_process.prepared.root, there.prepared.root) == []


def test_a_scheduler_that_is_not_there_is_named(shop: Artifacts, shop_recipe: Build) -> None:
    """The message has the address and how to start one; nothing is written."""
    with pytest.raises(ShortlistError, match=r"tcp://127\.0\.0\.1:9.*dask scheduler"):
        prepare(shop_recipe(), shop, force=False, scheduler="tcp://127.0.0.1:9", encoded_rows=True)
    assert not shop.prepared.root.exists()


def test_partitions_hold_whole_users_in_the_order_of_time() -> None:
    """Five users in two partitions: dealt in turn, rows by time, ties by row; either one can be skipped."""
    import polars as pl

    from workflows import partitions

    users = [8, 6, 4, 2, 0, 8, 6, 4, 2, 0]
    frame = pl.DataFrame({"user": users, "at": [9] * 5 + [9, 1, 9, 1, 9], "row": range(10)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partitions, "ROWS_PER_PARTITION", 5)
        (_, first), (_, second) = partitions.in_partitions(frame, "user", "at")
        ((number, alone),) = partitions.in_partitions(frame, "user", "at", without={0})
    assert number == 1
    assert alone.equals(second)
    assert first["user"].to_list() == [0, 0, 4, 4, 8, 8]
    assert first["row"].to_list() == [4, 9, 2, 7, 0, 5]
    assert second["row"].to_list() == [8, 3, 6, 1]
    assert second[PLACE].to_list() == [6, 7, 8, 9]
