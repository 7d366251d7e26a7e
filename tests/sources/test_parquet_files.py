"""Folders of Parquet files are read as one table, or refused with every difference named."""

import datetime
import resource
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipes.load import load
from recipes.schema.recipe import Recipe
from sources.ingest import ingest
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.sources import shop


def _shop(folder: Path, **files: Any) -> Recipe:
    """The shop with a folder of orders; ``files`` are its tables by file name."""
    recipe = shop.RECIPE.replace("orders.parquet", "orders")
    shop.write(folder)
    (folder / "orders").mkdir(exist_ok=True)
    for name, table in files.items():
        pq.write_table(pa.table(table), folder / "orders" / f"{name}.parquet", row_group_size=2)
    (folder / "shop.toml").write_text(recipe)
    return load(str(folder / "shop.toml"))


def _refused(folder: Path, **files: Any) -> str:
    artifacts = Artifacts(folder / "artifacts")
    with pytest.raises(ShortlistError) as raised:
        ingest(_shop(folder, **files), artifacts, None)
    assert not artifacts.root.exists() or not any(artifacts.root.iterdir())
    return str(raised.value)


def test_files_of_a_folder_are_one_table_in_the_order_of_their_names(tmp_path: Path) -> None:
    """Rows are concatenated; columns may be in another order, and integers may be narrower."""
    more = {name: shop.ORDERS[name] for name in reversed(shop.ORDERS)}
    narrow = pa.table(more)
    place = narrow.column_names.index("quantity")
    narrow = narrow.set_column(place, "quantity", narrow["quantity"].cast(pa.int8()))
    artifacts = Artifacts(tmp_path / "artifacts")
    recipe = _shop(tmp_path, b=narrow, a=shop.ORDERS)
    (tmp_path / "orders" / "_SUCCESS").touch()
    (tmp_path / "orders" / ".c.parquet").write_bytes(b"half a file of a running writer")
    ingest(recipe, artifacts, None)
    expected = {name: values * 2 for name, values in shop.ORDERS.items()}
    assert pq.read_table(artifacts.raw.interactions).to_pydict() == expected
    assert pq.read_schema(artifacts.raw.interactions).field("quantity").type == pa.int64()


def test_there_may_be_more_files_than_a_process_may_hold_open(tmp_path: Path) -> None:
    """Files are opened one at a time."""
    names = [f"part-{number:03}" for number in range(100)]
    recipe = _shop(tmp_path, **dict.fromkeys(names, shop.ORDERS))
    artifacts = Artifacts(tmp_path / "artifacts")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    open_now = len(list(Path("/proc/self/fd").iterdir()))
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_now + 50, hard))
    try:
        ingest(recipe, artifacts, None)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert pq.read_metadata(artifacts.raw.interactions).num_rows == 400


def test_users_that_are_left_out_are_those_of_all_files(tmp_path: Path) -> None:
    """Ids are collected from the whole folder."""
    recipe = _shop(tmp_path, a=shop.ORDERS, b=shop.ORDERS | {"customer": [1, 2, 3, 4]})
    source = recipe.source.model_copy(update={"users": None})
    features = recipe.features.model_copy(update={"user": {}})
    recipe = recipe.model_copy(update={"source": source, "features": features})
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(recipe, artifacts, None)
    assert pq.read_table(artifacts.raw.users)["customer"].to_pylist() == [7, 9, 8, 1, 2, 3, 4]


def test_a_new_file_makes_the_tables_new(tmp_path: Path, said: list[str]) -> None:
    """A new file in the folder is read; without one, the tables are logged as up to date."""
    artifacts = Artifacts(tmp_path / "artifacts")
    recipe = _shop(tmp_path, a=shop.ORDERS)
    ingest(recipe, artifacts, None)
    ingest(recipe, artifacts, None)
    assert said[-1].endswith("is up to date")
    ingest(_shop(tmp_path, b=shop.ORDERS), artifacts, None)
    assert pq.read_metadata(artifacts.raw.interactions).num_rows == 8


def test_every_difference_between_files_is_named(tmp_path: Path) -> None:
    """The message lists missing and retyped columns of all files, each with its file."""
    orders = {name: values for name, values in shop.ORDERS.items() if name != "ordered_at"}
    message = _refused(
        tmp_path,
        a=shop.ORDERS,
        b=orders,
        c=shop.ORDERS | {"coupon": ["x"] * 4},
        d=shop.ORDERS | {"quantity": ["1", "2", "1", "3"]},
    )
    for complaint in (
        "orders (times all with a time zone or all without), got differences from a.parquet:",
        "b.parquet lacks column 'ordered_at'",
        "column 'quantity' is string in d.parquet, int64 in earlier files",
        "Write these files again, or move them elsewhere",
    ):
        assert complaint in message


def test_columns_that_the_recipe_does_not_read_may_differ(tmp_path: Path) -> None:
    """They may be missing from some files, or of another type."""
    tables = {"a": shop.ORDERS | {"note": [1] * 4}, "b": shop.ORDERS | {"note": ["x"] * 4}}
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(_shop(tmp_path, **tables, c=shop.ORDERS | {"coupon": ["x"] * 4}), artifacts, None)
    table = pq.read_table(artifacts.raw.interactions)
    assert table.column_names == list(shop.ORDERS)
    assert table.num_rows == 12


def test_a_column_of_a_condition_is_in_every_file(tmp_path: Path) -> None:
    """A condition reads its column, even if tables without it are read already."""
    recipe = _shop(tmp_path, a=shop.ORDERS, b=shop.ORDERS | {"paid": [True] * 4})
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(recipe, artifacts, None)
    path = tmp_path / "shop.toml"
    path.write_text(path.read_text() + '[interactions]\npositive = "paid == true"\n')
    with pytest.raises(ShortlistError, match=r"a\.parquet lacks column 'paid'"):
        ingest(load(str(path)), artifacts, None)


def test_numbers_and_times_of_several_widths_are_one_type(tmp_path: Path) -> None:
    """The type that holds all values: whole numbers and fractions, seconds and nanoseconds, days."""
    moment = datetime.datetime(2024, 3, 1)
    tables = {
        "a": shop.ORDERS | {"ordered_at": pa.array([moment] * 4, pa.timestamp("s"))},
        "b": shop.ORDERS | {"ordered_at": pa.array([moment] * 4, pa.timestamp("ns"))},
        "c": shop.ORDERS | {"ordered_at": [moment.date()] * 4, "quantity": [0.5] * 4},
    }
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(_shop(tmp_path, **tables), artifacts, None)
    table = pq.read_table(artifacts.raw.interactions)
    assert table["quantity"].to_pylist() == [1.0, 2.0, 1.0, 3.0] * 2 + [0.5] * 4
    assert table["ordered_at"].to_pylist() == [moment.replace(tzinfo=datetime.UTC)] * 12


def test_an_integer_that_a_fraction_elsewhere_would_change_is_named(tmp_path: Path) -> None:
    """Above 2^53, floating-point numbers skip integers."""
    message = _refused(
        tmp_path,
        a=shop.ORDERS | {"quantity": [2**60 + 1] * 4},
        b=shop.ORDERS | {"quantity": [0.5] * 4},
    )
    assert "expected values of column 'quantity' of" in message
    assert "a.parquet to be double, the type in all files together" in message


def test_files_may_differ_in_the_zone_and_unit_of_their_times(tmp_path: Path) -> None:
    """A zone only says how to show a moment, so the raw table has the same instants in UTC."""
    zones = {"a": ("s", "UTC"), "b": ("us", "Europe/Zurich"), "c": ("ms", "+05:30")}
    files = {name: _with_times(pa.timestamp(*zone)) for name, zone in zones.items()}
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(_shop(tmp_path, **files), artifacts, None)
    times = pq.read_table(artifacts.raw.interactions)["ordered_at"]
    assert times.type == pa.timestamp("us", "UTC")
    assert times.to_pylist() == shop.ORDERS["ordered_at"] * 3


def test_times_with_and_without_a_zone_are_told(tmp_path: Path) -> None:
    """With one file in UTC and one in local time, the hour would be a guess."""
    message = _refused(
        tmp_path, a=_with_times(pa.timestamp("us", "UTC")), b=_with_times(pa.timestamp("us"))
    )
    assert "column 'ordered_at' is timestamp[us] in b.parquet" in message
    assert "tz=UTC] in earlier files" in message
    assert "times all with a time zone or all without" in message


def _with_times(dtype: pa.DataType) -> pa.Table:
    orders = pa.table(shop.ORDERS)
    place = orders.column_names.index("ordered_at")
    return orders.set_column(place, "ordered_at", orders["ordered_at"].cast(dtype))


def test_a_column_without_any_value_in_one_file_takes_the_type_of_the_others(
    tmp_path: Path,
) -> None:
    """Writers give such a column no type; files before or after it determine the type."""
    customers = tmp_path / "customers"
    customers.mkdir()
    recipe = _shop(tmp_path, a=shop.ORDERS)
    for name, cities in (("a", [None]), ("b", ["Bern"]), ("c", [None])):
        table = {"customer": [ord(name)], "age": [20], "city": cities}
        pq.write_table(pa.table(table), customers / f"{name}.parquet")
    source = recipe.source.model_copy(update={"users": str(customers)})
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(recipe.model_copy(update={"source": source}), artifacts, None)
    users = pq.read_table(artifacts.raw.users)
    assert users["city"].to_pylist() == [None, "Bern", None]
    assert users.schema.field("city").type == pa.string()


def test_a_null_id_is_named_with_file_and_row_group(tmp_path: Path) -> None:
    """The message has the number of the row within its file."""
    message = _refused(tmp_path, a=shop.ORDERS, b=shop.ORDERS | {"customer": [7, 7, 9, None]})
    assert "expected no null ids in column 'customer' of" in message
    assert (
        "got 1 in 8 rows, the first in row 3 (counted from 0) of b.parquet, in row group 1"
        in message
    )


def test_ids_that_a_null_made_floating_point_are_named_with_their_row(tmp_path: Path) -> None:
    """The message has the type, its cause, the row of the null and a remedy."""
    floats = shop.ORDERS | {"customer": [7.0, 7.0, 9.0, None]}
    message = _refused(tmp_path, a=floats)
    for complaint in (
        "to be an integer or a string, got double",
        "got 1 in 4 rows, the first in row 3 (counted from 0) of a.parquet, in row group 1",
        "write the other ids as integers",
    ):
        assert complaint in message
    whole = shop.ORDERS | {"customer": [7.0, 7.0, 9.0, 8.0]}
    assert "Write these numbers as integers, or" in _refused(tmp_path, a=whole)


def test_a_damaged_row_group_is_named_with_file_and_column(tmp_path: Path) -> None:
    """One byte of a page is changed: its checksum fails, and the old tables stay."""
    artifacts = Artifacts(tmp_path / "artifacts")
    recipe = _shop(tmp_path, a=shop.ORDERS)
    ingest(recipe, artifacts, None)
    path = tmp_path / "orders" / "b.parquet"
    table, options = pa.table(shop.ORDERS), {"use_dictionary": False, "write_page_checksum": True}
    pq.write_table(table, path, row_group_size=2, **options)
    place = pq.ParquetFile(path).metadata.row_group(1).column(3)
    content = bytearray(path.read_bytes())
    content[place.data_page_offset + place.total_compressed_size - 1] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ShortlistError) as raised:
        ingest(recipe, artifacts, None)
    where = "b.parquet, got damage in column 'quantity' in row group 1 of 2"
    assert where in str(raised.value)
    assert pq.read_table(artifacts.raw.interactions).to_pydict() == shop.ORDERS


def test_a_column_that_the_recipe_does_not_use_is_not_read(tmp_path: Path, said: list[str]) -> None:
    """Even damage in it does no harm; one line names such columns."""
    path = tmp_path / "orders" / "a.parquet"
    recipe = _shop(tmp_path, a=shop.ORDERS | {"note": ["long enough"] * 4})
    note = pq.ParquetFile(path).metadata.row_group(0).column(4)
    content = bytearray(path.read_bytes())
    begin = note.dictionary_page_offset
    content[begin : begin + 20] = b"\xff" * 20
    path.write_bytes(content)
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(recipe, artifacts, None)
    assert pq.read_table(artifacts.raw.interactions).to_pydict() == shop.ORDERS
    passed = [line for line in said if line.startswith("passed over")]
    assert len(passed) == 1
    assert passed[0].endswith("orders that the recipe does not use: note")


def test_a_folder_without_a_parquet_file_is_told(tmp_path: Path) -> None:
    """A folder without Parquet files is an error, not an empty table."""
    message = _refused(tmp_path)
    assert "names as source.interactions, found none" in message


@pytest.mark.parametrize(
    ("column", "values", "complaint"),
    [
        ("customer", pa.nulls(4), "an integer or a string, got null"),
        (
            "ordered_at",
            pa.nulls(4),
            "a time: a date, a datetime, text or integer seconds, got null",
        ),
        ("quantity", pa.nulls(4), "a number, got null"),
        ("customer", pa.nulls(4, pa.int64()), "got 4 in 4 rows"),
    ],
)
def test_a_column_without_any_value_is_refused_where_values_are_needed(
    tmp_path: Path, column: str, values: pa.Array, complaint: str
) -> None:
    """Ids, times and labels without values are refused, with a type or without one."""
    assert complaint in _refused(tmp_path, a=shop.ORDERS | {column: values})


def test_a_feature_without_any_value_needs_a_type(tmp_path: Path) -> None:
    """A column with a type is accepted; without a type it is refused."""
    empty = shop.CUSTOMERS | {"age": [None] * 3, "city": pa.nulls(3, pa.string())}
    empty["age"] = pa.array([float("nan"), None, None])
    ingest(shop.write(tmp_path, customers=empty), Artifacts(tmp_path / "artifacts"), None)
    recipe = shop.write(tmp_path, customers=shop.CUSTOMERS | {"city": pa.nulls(3)})
    with pytest.raises(ShortlistError, match=r"'city' .* got null\. It has no values"):
        ingest(recipe, Artifacts(tmp_path / "artifacts"), None)


def test_lists_with_nulls_in_them_pass_as_they_are(tmp_path: Path) -> None:
    """A null element, a null list and an empty list stay distinct."""
    tags = [["kitchen", None], None, []]
    recipe = shop.write(tmp_path, products=shop.PRODUCTS | {"tags": tags})
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(recipe, artifacts, None)
    assert pq.read_table(artifacts.raw.items)["tags"].to_pylist() == tags


def test_a_zoned_time_keeps_its_moment(tmp_path: Path) -> None:
    """If all files are in one time zone other than UTC, the raw table has the same instants."""
    moment = datetime.datetime(2024, 3, 1, tzinfo=datetime.UTC)
    orders = shop.ORDERS | {
        "ordered_at": pa.array([moment] * 4, pa.timestamp("us", tz="America/New_York"))
    }
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(_shop(tmp_path, a=orders, b=orders), artifacts, None)
    times = pq.read_table(artifacts.raw.interactions)["ordered_at"].to_pylist()
    assert times == [moment] * 8
