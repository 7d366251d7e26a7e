"""A folder is read whole, partitions and all, or refused by name: never a part of it."""

import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sources.formats.found import find
from sources.own_tables import opened
from stages.errors import ShortlistError


def _write(root: Path, **files: dict[str, list[object]]) -> None:
    """Write Parquet files; a name's double underscores are slashes, and its ``is`` the sign =."""
    for name, table in files.items():
        path = root / f"{name.replace('__', '/').replace('_is_', '=')}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(table), path)


def _read(place: Path | str, needed: set[str] | None = None) -> pa.Table:
    return opened("interactions", str(place), needed).in_memory()


def _refused(place: Path | str, needed: set[str] | None = None) -> str:
    with pytest.raises(ShortlistError) as raised:
        _read(place, needed)
    return str(raised.value)


def test_partitions_are_columns_with_types(tmp_path: Path) -> None:
    """Names of nested folders give values: dates, whole numbers, text, and nothing."""
    for day, shop, city in (("01", 7, "Ulm"), ("02", 12, "__HIVE_DEFAULT_PARTITION__")):
        folder = tmp_path / f"dt=2024-01-{day}" / f"shop={shop}" / f"city%20name={city}"
        folder.mkdir(parents=True)
        pq.write_table(pa.table({"item": ["a", "b"]}), folder / "part-0.parquet")
    table = opened("interactions", str(tmp_path))
    first, second = datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)
    assert table.in_memory().to_pydict() == {
        "item": ["a", "b"] * 2,
        "dt": [first] * 2 + [second] * 2,
        "shop": [7, 7, 12, 12],
        "city name": ["Ulm", "Ulm", None, None],
    }
    assert table.column("shop").to_pylist() == [7, 7, 12, 12]
    assert "row 1 (counted from 0) of dt=2024-01-02/shop=12/" in table.place(3)


def test_files_beside_partitions_are_read_too(tmp_path: Path) -> None:
    """Their rows have no value of the partition, which is refused if the recipe reads it."""
    _write(tmp_path, a={"item": [1, 2]}, dt_is_5__b={"item": [3]})
    assert _read(tmp_path).to_pydict() == {"item": [1, 2, 3], "dt": [None, None, 5]}
    assert "a.parquet lacks column 'dt'" in _refused(tmp_path, {"item", "dt"})


def test_a_plain_subfolder_with_data_is_refused_by_name(tmp_path: Path) -> None:
    """It may be a backup; a pattern says that it is wanted."""
    _write(tmp_path, a={"item": [1]}, old__b={"item": [2]})
    message = _refused(tmp_path)
    assert "got the subfolder 'old' with old/b.parquet" in message
    assert f"such as {tmp_path}/**/*.parquet" in message
    assert _read(f"{tmp_path}/**/*.parquet").to_pydict() == {"item": [1, 2]}
    assert _read(tmp_path / "a*.parquet").to_pydict() == {"item": [1]}


def test_a_link_to_a_folder_is_followed_once(tmp_path: Path) -> None:
    """Partitions may be links; one that leads back to the folder adds nothing."""
    _write(tmp_path, table__a={"item": [1]}, elsewhere__b={"item": [2]})
    (tmp_path / "table" / "dt=3").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "table" / "dt=4").symlink_to(tmp_path / "table")
    assert _read(tmp_path / "table")["item"].to_pylist() == [1, 2]


def test_files_of_several_kinds_are_refused(tmp_path: Path) -> None:
    """Two kinds may be the same rows twice."""
    _write(tmp_path, a={"item": [1]})
    (tmp_path / "a.csv").write_text("item\n1\n")
    message = _refused(tmp_path)
    assert "got 1 of kind csv, 1 of kind parquet" in message
    assert f"such as {tmp_path}/*.csv" in message
    assert _read(f"{tmp_path}/*.csv").to_pydict() == {"item": [1]}


def test_files_of_no_kind_are_logged(tmp_path: Path, said: list[str]) -> None:
    """Notes beside the data are skipped, and named."""
    _write(tmp_path, a={"item": [1]})
    (tmp_path / "README.txt").touch()
    find(tmp_path, "orders", "source.interactions")
    assert said == ["orders: skipped README.txt, 1 files of another kind"]


@pytest.mark.parametrize("name", ["orders.xlsx", "orders.json", "orders", "orders.parquet.gz"])
def test_a_file_of_no_kind_is_refused_with_those_that_are_read(tmp_path: Path, name: str) -> None:
    """The message lists the kinds."""
    (tmp_path / name).touch()
    message = _refused(tmp_path / name)
    assert f"source.interactions, found {name}. Supported: .parquet, .csv, .tsv, .jsonl" in message


def test_a_delta_table_is_refused(tmp_path: Path) -> None:
    """Its folder also holds the files of deleted rows."""
    _write(tmp_path, a={"item": [1]})
    (tmp_path / "_delta_log").mkdir()
    assert f"SELECT * FROM delta_scan('{tmp_path}')" in _refused(tmp_path)


def test_nothing_is_told(tmp_path: Path) -> None:
    """A path without a file, and a pattern that matches none."""
    for place in (tmp_path / "none.csv", tmp_path / "*.csv"):
        assert f"at {place}, which the recipe names as source.interactions" in _refused(place)
