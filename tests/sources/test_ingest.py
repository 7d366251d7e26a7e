"""Ingest writes a user's own tables whole and checked, or not at all."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sources.ingest import ingest
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.heard import heard
from tests.sources import shop


def _ingest(folder: Path, **tables: Any) -> tuple[Artifacts, list[str]]:
    artifacts = Artifacts(folder / "artifacts")
    with heard() as said:
        ingest(shop.write(folder, **tables), artifacts, None)
    return artifacts, said


def _changed(table: dict[str, Any], **columns: Any) -> dict[str, Any]:
    """``table`` with columns replaced, or removed if given as None."""
    return {name: value for name, value in (table | columns).items() if value is not None}


def test_tables_keep_their_rows_names_and_order(tmp_path: Path) -> None:
    """The next stage reads the tables exactly as the user wrote them."""
    artifacts, _ = _ingest(tmp_path)
    assert pq.read_table(artifacts.raw.interactions).to_pydict() == shop.ORDERS
    assert pq.read_table(artifacts.raw.users).to_pydict() == shop.CUSTOMERS
    assert pq.read_table(artifacts.raw.items).to_pydict() == shop.PRODUCTS


def test_users_and_items_may_be_left_out(tmp_path: Path) -> None:
    """Without tables, users and items are those in the interactions."""
    recipe = shop.RECIPE.replace('users = "customers.parquet"\n', "")
    recipe = recipe.replace('age = { kind = "bucket", boundaries = [30, 60] }\n', "")
    recipe = recipe.replace('city = { kind = "categorical" }\n', "")
    artifacts, _ = _ingest(tmp_path, recipe=recipe)
    assert pq.read_table(artifacts.raw.users).to_pydict() == {"customer": [7, 9, 8]}


def test_ids_become_one_type_whatever_the_writer_chose(tmp_path: Path) -> None:
    """Small integers, large strings and dictionaries become plain int64 and string."""
    orders = pa.table(shop.ORDERS)
    orders = orders.set_column(0, "customer", orders["customer"].cast(pa.int16()))
    orders = orders.set_column(1, "product", orders["product"].dictionary_encode())
    products = pa.table(shop.PRODUCTS)
    products = products.set_column(0, "product", products["product"].cast(pa.large_string()))
    artifacts, _ = _ingest(tmp_path, orders=orders, products=products)
    schema = pq.read_schema(artifacts.raw.interactions)
    assert (schema.field("customer").type, schema.field("product").type) == (
        pa.int64(),
        pa.string(),
    )
    assert pq.read_schema(artifacts.raw.items).field("product").type == pa.string()


def test_ids_without_a_row_of_features_are_accepted(tmp_path: Path) -> None:
    """Interactions of users that the users table lacks stay."""
    customers = {name: values[:1] for name, values in shop.CUSTOMERS.items()}
    artifacts, _ = _ingest(tmp_path, customers=customers)
    assert pq.read_table(artifacts.raw.interactions).num_rows == 4
    assert pq.read_table(artifacts.raw.users).num_rows == 1


BAD: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"orders": _changed(shop.ORDERS, customer=None, custommer=[1, 2, 3, 4])},
        [
            "expected one column 'customer'",
            "columns.user, in",
            "orders.parquet, got none (did you mean 'custommer'?)",
        ],
    ),
    (
        {"customers": _changed(shop.CUSTOMERS, city=None)},
        [
            "expected one column 'city'",
            "features.user.city, in",
            "customers.parquet, got none",
            "customer, age",
        ],
    ),
    ({"products": _changed(shop.PRODUCTS, name=None)}, ["'name'", "columns.title"]),
    (
        {"orders": _changed(shop.ORDERS, customer=[7.0, None, 9.0, 8.0])},
        ["column 'customer' of", "an integer or a string, got double", "A null among"],
    ),
    (
        {"orders": _changed(shop.ORDERS, customer=[7, None, None, 8])},
        ["expected no null ids in column 'customer'", "got 2 in 4 rows, the first in row 1"],
    ),
    (
        {"products": _changed(shop.PRODUCTS, product=["cup", "", "pen"])},
        ["null or empty ids", "row 1"],
    ),
    ({"customers": _changed(shop.CUSTOMERS, customer=[7, None, 9])}, ["customers", "null ids"]),
    (
        {"products": _changed(shop.PRODUCTS, product=["cup", "in\0k", "pen"])},
        ["expected no ids with a NUL character in column 'product'", "got 1 in 3 rows", "row 1"],
    ),
    (
        {"orders": _changed(shop.ORDERS, ordered_at=["a", "b", "c", "d"])},
        ["expected a time such as 2024-01-31", "'ordered_at'", "got 'a' in row 0", "rows: 4 of 4"],
    ),
    ({"orders": _changed(shop.ORDERS, ordered_at=[1, 2, None, 4])}, ["'ordered_at'", "nulls"]),
    (
        {"orders": _changed(shop.ORDERS, quantity=["1", "2", "1", "3"])},
        ["'quantity'", "to be a number, got string"],
    ),
    ({"orders": _changed(shop.ORDERS, quantity=[1.0, float("nan"), 1.0, 3.0])}, ["nulls", "row 1"]),
    (
        {"products": _changed(shop.PRODUCTS, price=["1", "2", "3"])},
        ["features.item.price is of kind 'numeric'"],
    ),
    (
        {"customers": _changed(shop.CUSTOMERS, age=["1", "2", "3"])},
        ["features.user.age is of kind 'bucket'"],
    ),
    (
        {"products": _changed(shop.PRODUCTS, tags=["a", "b", "c"])},
        ["to be a list", "features.item.tags"],
    ),
    (
        {"customers": _changed(shop.CUSTOMERS, city=[["a"], [], []])},
        ["one value per row", "list = true"],
    ),
    (
        {"customers": _changed(shop.CUSTOMERS, city=[{"a": 1}] * 3)},
        ["'city'", "got struct<a: int64>. Name one of its fields instead: city.a"],
    ),
    (
        {"products": _changed(shop.PRODUCTS, name=[1, 2, 3])},
        ["to be a string, because the recipe names it as columns.title"],
    ),
    (
        {"customers": _changed(shop.CUSTOMERS, customer=[7, 8, 7])},
        ["got 1 ids more than once, such as 7"],
    ),
    (
        {"customers": _changed(shop.CUSTOMERS, customer=["7", "8", "9"])},
        ["expected one type for column 'customer'", "got int64 and string"],
    ),
    (
        {"orders": pa.table(shop.ORDERS).slice(0, 0)},
        ["expected at least one row of interactions in", "orders.parquet, got none"],
    ),
    (
        {"products": pa.table(shop.PRODUCTS).slice(0, 0)},
        ["expected at least one row of items in", "products.parquet, got none"],
    ),
]


@pytest.mark.parametrize(("tables", "complaints"), BAD)
def test_bad_tables_are_refused_with_file_column_and_reason(
    tmp_path: Path, tables: dict[str, Any], complaints: list[str]
) -> None:
    """For every kind of bad table, the message has the file, the column and the key of the recipe."""
    with pytest.raises(ShortlistError) as raised:
        _ingest(tmp_path, **tables)
    for complaint in complaints:
        assert complaint in str(raised.value)
    assert not (tmp_path / "artifacts").exists()


def test_a_missing_file_is_named_with_its_key(tmp_path: Path) -> None:
    """A missing file has its own message, unlike a file that cannot be read."""
    recipe = shop.write(tmp_path)
    (tmp_path / "products.parquet").unlink()
    with pytest.raises(ShortlistError, match=r"products\.parquet, .*source\.items, found none"):
        ingest(recipe, Artifacts(tmp_path / "artifacts"), None)


@pytest.mark.parametrize("damage", ["text", "cut", "page"])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: str) -> None:
    """For text, a file cut short and a destroyed page, the message names the file."""
    recipe = shop.write(tmp_path)
    path = tmp_path / "orders.parquet"
    content = bytearray(path.read_bytes())
    if damage == "text":
        content = bytearray(b"customer,product\n7,pen\n")
    elif damage == "cut":
        content = content[: len(content) // 2]
    else:
        content[4:60] = b"\xff" * 56
    path.write_bytes(content)
    with pytest.raises(ShortlistError, match=r"a complete Parquet file at .*orders\.parquet, got"):
        ingest(recipe, Artifacts(tmp_path / "artifacts"), None)


def test_tables_up_to_date_are_kept_and_it_is_said(tmp_path: Path, said: list[str]) -> None:
    """A second run writes nothing, unless the data or the recipe changed, or with ``force``."""
    artifacts, _ = _ingest(tmp_path)
    recipe = shop.write(tmp_path)
    os.utime(tmp_path / "orders.parquet")
    said.clear()
    ingest(recipe, artifacts, None)
    written = artifacts.raw.users.stat().st_mtime_ns
    ingest(recipe, artifacts, None)
    assert said[-1] == f"{artifacts.raw.root} is up to date"
    assert artifacts.raw.users.stat().st_mtime_ns == written

    ingest(recipe, artifacts, None, force=True)
    assert artifacts.raw.users.stat().st_mtime_ns > written
    shop.write(tmp_path, customers=_changed(shop.CUSTOMERS, city=["Bern", "Ulm", "Rom"]))
    ingest(recipe, artifacts, None)
    assert pq.read_table(artifacts.raw.users)["city"].to_pylist() == ["Bern", "Ulm", "Rom"]


def test_refused_data_leave_the_old_tables(tmp_path: Path) -> None:
    """If new data are refused, the earlier tables stay."""
    artifacts, _ = _ingest(tmp_path)
    with pytest.raises(ShortlistError):
        _ingest(tmp_path, orders=pa.table(shop.ORDERS).slice(0, 0))
    assert pq.read_table(artifacts.raw.interactions).to_pydict() == shop.ORDERS


def test_a_full_disk_is_told_and_leaves_the_old_tables(tmp_path: Path) -> None:
    """A write that the system refuses (here: a limit on file size) ends with a message."""
    artifacts, _ = _ingest(tmp_path)
    many = {name: values * 50_000 for name, values in shop.ORDERS.items()}
    many["quantity"] = list(range(200_000))
    shop.write(tmp_path, orders=many)
    output = _ingest_elsewhere(tmp_path, _with_small_files)
    assert f"error: expected to write {artifacts.raw.root}, got" in output
    assert "Free disk space" in output
    assert pq.read_table(artifacts.raw.interactions).to_pydict() == shop.ORDERS
    assert [path.name for path in artifacts.root.iterdir()] == ["raw"]


def _with_small_files() -> None:
    """Make writing beyond a file size an error that does not kill the process."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


_PR_CAPBSET_DROP = 24


def _without_privileges() -> None:
    """Drop CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH, with which root bypasses permissions."""
    for capability in (1, 2):
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def _ingest_elsewhere(folder: Path, beforehand: Callable[[], None]) -> str:
    """Ingest in a process that runs ``beforehand`` first, and return its output."""
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from stages.artifacts import Artifacts\n"
        "from stages.errors import ShortlistError\n"
        "from recipes.load import load\n"
        "from sources.ingest import ingest\n"
        "folder = Path(sys.argv[1])\n"
        "try:\n"
        "    recipe = load(str(folder / 'shop.toml'))\n"
        "    ingest(recipe, Artifacts(folder / 'artifacts'), None)\n"
        "except ShortlistError as error:\n"
        "    print('error:', error)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=beforehand,
    )
    return ended.stdout


def test_a_folder_that_may_not_be_written_is_told_and_keeps_the_old_tables(tmp_path: Path) -> None:
    """Without write permission, the message has the folder, the reason and a remedy."""
    artifacts, _ = _ingest(tmp_path)
    shop.write(tmp_path, orders=_changed(shop.ORDERS, quantity=[4, 4, 4, 4]))
    artifacts.root.chmod(0o500)
    output = _ingest_elsewhere(tmp_path, _without_privileges)
    artifacts.root.chmod(0o700)
    assert f"error: expected to write {artifacts.raw.root}, got [Errno 13]" in output
    assert "Give your user write permission there, or set SHORTLIST_ARTIFACTS" in output
    assert pq.read_table(artifacts.raw.interactions).to_pydict() == shop.ORDERS
    assert [path.name for path in artifacts.root.iterdir()] == ["raw"]


def test_a_file_that_may_not_be_read_is_told(tmp_path: Path) -> None:
    """A file without read permission is not reported as damaged."""
    shop.write(tmp_path)
    (tmp_path / "customers.parquet").chmod(0o000)
    output = _ingest_elsewhere(tmp_path, _without_privileges)
    assert "customers.parquet, got: permission denied. Give your user read permission" in output


def test_a_kill_while_writing_leaves_the_old_tables(tmp_path: Path) -> None:
    """After SIGKILL when the first new table is written, all three old tables are still in place."""
    artifacts, _ = _ingest(tmp_path)
    shop.write(tmp_path, orders=_changed(shop.ORDERS, quantity=[4, 4, 4, 4]))
    program = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "import sources.ingest as module\n"
        "from stages.artifacts import Artifacts\n"
        "from recipes.load import load\n"
        "write = module._write\n"
        "def write_and_wait(table, path):\n"
        "    write(table, path)\n"
        "    print('written', flush=True)\n"
        "    time.sleep(60)\n"
        "module._write = write_and_wait\n"
        "folder = Path(sys.argv[1])\n"
        "recipe = load(str(folder / 'shop.toml'))\n"
        "module.ingest(recipe, Artifacts(folder / 'artifacts'), None)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "written\n"
        os.kill(writer.pid, signal.SIGKILL)
    assert pq.read_table(artifacts.raw.interactions).to_pydict() == shop.ORDERS

    time.sleep(0.01)
    ingest(shop.write(tmp_path, orders=shop.ORDERS), artifacts, None)
    assert [path.name for path in artifacts.root.iterdir()] == ["raw"]
