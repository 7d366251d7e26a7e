"""Published text tables are read exactly as written, and refused if incomplete."""

import pyarrow as pa
import pytest

from sources.files import Dataset, Files
from sources.text_table import read_table
from stages.errors import ShortlistError

BIRDS = Dataset("Birds of Nowhere", "birds-1k", (("birds.dat",),), (), "Fetch birds.example.")
TYPES = {"eggs": pa.int64(), "name": pa.string()}


def _read(content: bytes) -> pa.Table:
    return read_table(BIRDS, Files("/data/birds-1k", {"birds.dat": content}), "birds.dat", TYPES)


def test_the_columns_asked_for_come_in_that_order_and_type() -> None:
    """Other columns of the file are ignored, and rows keep their order."""
    read = _read("name\tsong\teggs\nWren\ttrill\t6\nGoldhähnchen\tsisi\t10\n".encode())
    assert read.schema == pa.schema(TYPES)
    assert read.to_pydict() == {"eggs": [6, 10], "name": ["Wren", "Goldhähnchen"]}


def test_text_is_taken_word_for_word() -> None:
    """Only empty fields are null: NA and null may be names, and quotes are ordinary characters."""
    read = _read(b'eggs\tname\n1\tNA\n2\tnull\n\tnan\n4\t\n5\t"Tit\n6\t 7 \n')
    assert read["eggs"].to_pylist() == [1, 2, None, 4, 5, 6]
    assert read["name"].to_pylist() == ["NA", "null", "nan", None, '"Tit', " 7 "]


@pytest.mark.parametrize(
    "change", [(b"\n", b"\r\n"), (b"eggs", b"\xef\xbb\xbfeggs"), (b"6\n", b"6")]
)
def test_a_copy_by_another_system_is_the_same(change: tuple[bytes, bytes]) -> None:
    """Windows line ends, a byte order mark and a missing final line end change nothing."""
    assert _read(b"eggs\tname\n3\tWren\n6\t6\n".replace(*change)) == _read(
        b"eggs\tname\n3\tWren\n6\t6\n"
    )


BAD = {
    "nothing": (b"", ["got an empty file"]),
    "blank": (b" \n\n", ["got an empty file"]),
    "header only": (b"eggs\tname\n", ["expected rows below the header of", "got none"]),
    "misspelt": (b"egg\tname\n3\tWren\n", ["got: egg, name, without 'eggs'"]),
    "commas": (b"eggs,name\n3,Wren\n", ["without 'eggs', 'name'"]),
    "a page": (b"<html>Please log in</html>", ["without 'eggs', 'name'"]),
    "cut": (b"eggs\tname\n3\tWren\n6\n", ["cut off", "Row #3: Expected 2 columns, got 1"]),
    "too long": (b"eggs\tname\n3\tWren\n6\ta\tb\n", ["Row #3: Expected 2 columns, got 3"]),
    "a word": (
        b"name\teggs\nWren\t3\nTit\tmany\n",
        ["column 'eggs': Row #3", "invalid value 'many'"],
    ),
    "a fraction": (b"eggs\tname\n3.5\tWren\n", ["column 'eggs': Row #2", "invalid value '3.5'"]),
    "too large": (
        b"eggs\tname\n9223372036854775808\tWren\n",
        ["column 'eggs'", "'9223372036854775808'"],
    ),
    "latin-1": (
        "eggs\tname\n3\tWren\n6\tGoldhähnchen\n".encode("latin-1"),
        ["expected UTF-8 in line 3 of"],
    ),
    "utf-16": ("eggs\tname\n3\tWren\n".encode("utf-16"), ["expected UTF-8 in line 1 of"]),
    "zeros": (b"eggs\tname\n3\tWren\n\0\0\0\0", ["cut off", "Row #3"]),
}


@pytest.mark.parametrize(("content", "complaints"), BAD.values(), ids=BAD)
def test_a_bad_file_is_refused_with_line_column_and_reason(
    content: bytes, complaints: list[str]
) -> None:
    """Whatever is wrong with a file, the message has its name and where to get another copy."""
    with pytest.raises(ShortlistError) as raised:
        _read(content)
    for complaint in [*complaints, "birds.dat of /data/birds-1k", "Fetch birds.example."]:
        assert complaint in str(raised.value)
