"""CSV, JSON lines and Arrow files are tables with the types of all their values."""

import datetime
import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pytest

from recipes.load import load
from sources.ingest import ingest
from sources.own_tables import opened
from sources.tables import RawTable
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.sources import shop


def _csv(folder: Path, text: str | bytes, name: str = "orders.csv") -> RawTable:
    content = text.encode() if isinstance(text, str) else text
    (folder / name).write_bytes(content)
    return opened("interactions", str(folder / name))


def _column(folder: Path, *values: str) -> tuple[str, list[Any]]:
    """The type and the values of a CSV column."""
    table = _csv(folder, "\n".join(["x,y", *(f"{value},-" for value in values)]) + "\n")
    return str(table.table.schema.field("x").type), table.column("x").to_pylist()


def _refused(folder: Path, text: str | bytes, name: str = "orders.csv") -> str:
    with pytest.raises(ShortlistError) as raised:
        _csv(folder, text, name)
    return str(raised.value)


_DAY = datetime.datetime(2024, 3, 1)
_UTC = _DAY.replace(tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (["1", "-2", ""], "int64", [1, -2, None]),
        (["1", "2", "x3"], "string", ["1", "2", "x3"]),
        (["1", "2.5", "NA", "1e3"], "double", [1, 2.5, None, 1000]),
        (["NA", "CH", ""], "string", ["NA", "CH", None]),
        (["007", "8"], "string", ["007", "8"]),
        (["+41791234567", "1"], "string", ["+41791234567", "1"]),
        (["0x10", "1"], "string", ["0x10", "1"]),
        (["12345678901234567890", "1"], "string", ["12345678901234567890", "1"]),
        (["true", "False", ""], "bool", [True, False, None]),
        (["t", "f"], "string", ["t", "f"]),
        (["2024-03-01", ""], "date32[day]", [_DAY.date(), None]),
        (["2024-03-01", "2024-03-01 00:00:00.5"], "timestamp[us]", None),
        (
            ["2024-03-01T00:00:00Z", "2024-03-01T01:00:00+01:00"],
            "timestamp[us, tz=UTC]",
            [_UTC] * 2,
        ),
        (["2024-03-01T00:00:00.123456789"], "timestamp[ns]", None),
        (["2024-13-01"], "string", ["2024-13-01"]),
        (["01/03/2024"], "string", ["01/03/2024"]),
        (["", ""], "null", [None, None]),
    ],
)
def test_a_column_has_the_narrowest_type_of_its_values(
    tmp_path: Path, values: list[str], kind: str, expected: list[Any] | None
) -> None:
    """Codes with a zero or a plus in front stay text, as do integers that no number holds."""
    found = _column(tmp_path, *values)
    assert found[0] == kind
    if expected is not None:
        assert found[1] == expected


def test_the_last_value_counts_as_much_as_the_first(tmp_path: Path, said: list[str]) -> None:
    """After many blocks of integers, one text makes the column text; types are logged."""
    rows = [f"{number},{'y' * 90}" for number in range(400_000)]
    table = _csv(tmp_path, "\n".join(["x,y", *rows, "last,y"]))
    assert table.table.schema.field("x").type == pa.string()
    assert table.column("x").to_pylist()[-2:] == ["399999", "last"]
    assert said == [f"{tmp_path / 'orders.csv'}: 400,001 rows of x: string, y: string"]


def test_what_spreadsheets_write_is_read(tmp_path: Path) -> None:
    """A byte-order mark, CRLF, quotes, line breaks and separators in quotes, semicolons."""
    text = '\ufeffid;"a;name"\r\n1;"two\r\nlines; ""quoted"""\r\n2;\r\n'
    table = _csv(tmp_path, text).in_memory()
    assert table.to_pydict() == {"id": [1, 2], "a;name": ['two\r\nlines; "quoted"', None]}
    tabs = _csv(tmp_path, "id\tname, first\n1\ta\n", "orders.tsv")
    assert tabs.in_memory().to_pydict() == {"id": [1], "name, first": ["a"]}


def test_compressed_text_is_read(tmp_path: Path) -> None:
    """Gzip, also in several members, and Zstandard."""
    parts = gzip.compress(b"id\n1\n") + gzip.compress(b"2\n")
    assert _csv(tmp_path, parts, "orders.csv.gz").column("id").to_pylist() == [1, 2]
    path = tmp_path / "items.jsonl.zst"
    with pa.CompressedOutputStream(str(path), "zstd") as stream:
        stream.write(b'{"id": 3}\n')
    assert opened("items", str(path)).column("id").to_pylist() == [3]


def test_files_of_a_folder_have_one_type_each_column(tmp_path: Path) -> None:
    """Text in one file makes the column text in all; partitions are columns; a row has its file."""
    for name, text in (("a", "x,y\n1,2\n"), ("day=3/b", "y,x\n5,z\n6,w\n")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.csv").write_text(text)
    table = opened("interactions", str(tmp_path), {"x", "y"})
    assert table.in_memory().to_pydict() == {
        "x": ["1", "z", "w"],
        "y": [2, 5, 6],
        "day": [None, 3, 3],
    }
    assert table.place(2) == "row 1 (counted from 0) of day=3/b.csv"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a,b\n1,2\n3\n", "Row #3: Expected 2 columns, got 1"),
        ("a,b\n1,\udcff\n", "expected UTF-8 in"),
        ("", "got an empty file"),
        ("a,b,a\n1,2,3\n", "got 'a' more than once"),
        ('a,b\n1,"2\n3,4\n3,4\n', "the quote before '2\\n3,4\\n3,4\\n' has no end"),
    ],
)
def test_a_damaged_file_is_named_with_its_fault(tmp_path: Path, text: str, complaint: str) -> None:
    """The message has the row, or what else is wrong."""
    message = _refused(tmp_path, text.encode("utf-8", "surrogateescape"))
    assert complaint in message
    assert str(tmp_path / "orders.csv") in message


def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    """A part of the rows is never taken for all."""
    whole = gzip.compress("\n".join(map(str, range(10**5))).encode())
    assert "Truncated" in _refused(tmp_path, whole[:-9], "orders.csv.gz")
    assert "Truncated" in _refused(tmp_path, whole[:-9], "orders.jsonl.gz")


def test_json_lines_keep_numbers_text_and_lists(tmp_path: Path, said: list[str]) -> None:
    """Mixed values are text; text that is only times is times; missing keys are missing values."""
    lines = (
        '\ufeff{"id": 1, "code": "007", "at": "2024-03-01T00:00:00Z", "tags": ["a"]}\n\n'
        '{"id": "x", "code": "8", "tags": [], "price": 2}\n{"id": 3, "price": 2.5, "at": null}'
    )
    table = _csv(tmp_path, lines, "items.jsonl")
    assert table.in_memory().to_pydict() == {
        "id": ["1", "x", "3"],
        "code": ["007", "8", None],
        "at": [_UTC, None, None],
        "tags": [["a"], [], None],
        "price": [None, 2.0, 2.5],
    }
    assert "3 rows of id: string, code: string, at: timestamp[us, tz=UTC], tags: list" in said[-1]


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ('{"a": 1}\n{"a": \n', "got an error in line 2: Expecting value"),
        ('{"a": 1}\n[{"a": 2}]\n', "got a value of type list in line 2"),
        ("\n", "got an empty file"),
    ],
)
def test_a_line_that_is_no_object_is_named(tmp_path: Path, lines: str, complaint: str) -> None:
    """The message has its number."""
    assert complaint in _refused(tmp_path, lines, "items.jsonl")


@pytest.mark.parametrize("other", ['{"x": 1}', "[1]"])
def test_values_that_have_no_common_type_are_named(tmp_path: Path, other: str) -> None:
    """A number in one file, an object or a list in another, or in the same."""
    (tmp_path / "a.jsonl").write_text('{"id": 1, "tags": 1}\n')
    (tmp_path / "b.jsonl").write_text(f'{{"id": 2, "tags": {other}}}\n')
    with pytest.raises(ShortlistError, match=r"got Int64 and (List|Struct).* for 'tags'"):
        opened("items", str(tmp_path))


def test_a_quote_within_text_is_text(tmp_path: Path) -> None:
    """Inches, and a last value of several lines, are no open quotes."""
    table = _csv(tmp_path, 'a,b\n3.5" disk,1\n"two","a\nb"\n')
    assert table.in_memory().to_pydict() == {"a": ['3.5" disk', "two"], "b": ["1", "a\nb"]}


@pytest.mark.parametrize("form", ["file", "stream", "feather", "feather 1"])
def test_arrow_files_keep_their_types(tmp_path: Path, form: str) -> None:
    """The file and the stream format, and both versions of Feather."""
    table = pa.table({"id": pa.array([1, 2], pa.int32()), "name": ["a", "b"]})
    path = tmp_path / "items.arrow"
    if form.startswith("feather"):
        path = tmp_path / "items.feather"
        pyarrow.feather.write_feather(table, str(path), version=1 if form.endswith("1") else 2)
    else:
        new = pa.ipc.new_file if form == "file" else pa.ipc.new_stream
        with new(str(path), table.schema) as writer:
            writer.write_table(table)
    read = opened("items", str(path))
    assert read.in_memory() == table
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(ShortlistError, match="expected a complete Arrow or Feather file"):
        opened("items", str(path))


def test_a_recipe_may_mix_formats(tmp_path: Path) -> None:
    """A shop with orders in CSV and products in JSON lines has the tables of the one in Parquet."""
    shop.write(tmp_path)
    (tmp_path / "orders.csv").write_text(
        "customer,product,ordered_at,quantity\n7,pen,2024-03-01T00:00:00,1\n7,ink,2024-03-02T00:00:00,2\n"
        "9,pen,2024-03-03T00:00:00,1\n8,cup,2024-03-04T00:00:00,3\n"
    )
    (tmp_path / "products.jsonl").write_text(
        '{"product": "cup", "name": "Cup", "price": 9.5, "tags": ["kitchen"]}\n'
        '{"product": "ink", "name": "Ink", "price": 4, "tags": []}\n'
        '{"product": "pen", "name": "Pen", "tags": ["desk", "gift"]}\n'
    )
    recipe = shop.RECIPE.replace("orders.parquet", "orders.csv")
    recipe = recipe.replace("products.parquet", "products.jsonl").replace('"parquet"', '"files"')
    path = tmp_path / "shop.toml"
    path.write_text(recipe)
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(load(str(path)), artifacts, None)
    import pyarrow.parquet as pq

    assert pq.read_table(artifacts.raw.interactions).to_pydict() == shop.ORDERS
    assert pq.read_table(artifacts.raw.items).to_pydict() == shop.PRODUCTS
