"""Ali-CCP: every damaged file is refused with its name and line, and no table is written."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipes.load import load
from sources.datasets.aliccp import COLUMNS
from sources.ingest import ingest
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.sources.samples import write

ADDRESS = "https://tianchi.aliyun.com/dataset/408"
#: Customer 7 saw item 40, then item 41.
COMMON = b"aa11,2,101\x027\x031.0\x01121\x021\x031.0\n"
SKELETON = b"1,0,0,aa11,1,205\x0240\x031.0\n2,1,0,aa11,1,205\x0241\x031.0\n"


def _refused(folder: Path, complaints: list[str]) -> None:
    """Assert that ingest refuses ``folder`` with these words and writes no table."""
    artifacts = folder.parent / "artifacts"
    with pytest.raises(ShortlistError) as raised:
        ingest(load("aliccp"), Artifacts(artifacts), folder)
    for complaint in [*complaints, str(folder), ADDRESS]:
        assert complaint in str(raised.value)
    assert not artifacts.exists()


BAD = {
    "no row": (COMMON, b"", ["sample_skeleton_train.csv, got an empty file"]),
    "no customer": (b"", SKELETON, ["common_features_train.csv, got an empty file"]),
    "cut in a field": (
        COMMON,
        SKELETON[:30],
        ["sample_skeleton_train.csv:2, got an error: a field is missing"],
    ),
    "cut before a weight": (
        COMMON,
        SKELETON[:-4],
        ["sample_skeleton_train.csv:2, got an error: a field is missing"],
    ),
    "cut before a value": (
        COMMON,
        SKELETON[:-8],
        ["sample_skeleton_train.csv:2, got an error: a field is missing"],
    ),
    "cut customer": (
        COMMON[:9],
        SKELETON,
        ["common_features_train.csv:1, got an error", "key of common features"],
    ),
    "swapped": (
        COMMON,
        COMMON,
        ["sample_skeleton_train.csv:1", "fields id, click, conversion, key"],
    ),
    "not the customers": (
        SKELETON,
        SKELETON,
        ["common_features_train.csv:1", "a field is missing"],
    ),
    "click": (COMMON, SKELETON.replace(b",1,0,", b",yes,0,"), ["train.csv:2", "'yes'"]),
    "item": (COMMON, SKELETON.replace(b"41", b"4x"), ["train.csv:2", "'4x'"]),
    "user": (COMMON.replace(b"\x027", b"\x02"), SKELETON, ["common_features_train.csv:1", "''"]),
    "utf-16": (COMMON, SKELETON.decode().encode("utf-16"), ["sample_skeleton_train.csv:1"]),
    "unknown customer": (
        COMMON,
        SKELETON.replace(b"2,1,0,aa11", b"2,1,0,zz99"),
        ["expected the common features zz99, which"],
    ),
}


@pytest.mark.parametrize(("common", "skeleton", "complaints"), BAD.values(), ids=BAD)
def test_a_bad_official_file_is_refused(
    tmp_path: Path, common: bytes, skeleton: bytes, complaints: list[str]
) -> None:
    """For a truncated line, another file or an invalid number: the file, the line and the expected fields."""
    files = {"common_features_train.csv": common, "sample_skeleton_train.csv": skeleton}
    _refused(write(tmp_path / "data", files), complaints)


def test_a_part_without_its_common_features_is_refused(tmp_path: Path) -> None:
    """Rows need their customers, so the message names the missing file."""
    folder = write(tmp_path / "data", {"sample_skeleton_train.csv": SKELETON})
    _refused(
        folder,
        [
            "expected common_features_train.csv in",
            "which has sample_skeleton_train.csv, found none",
        ],
    )


def test_a_given_folder_with_neither_form_is_refused(tmp_path: Path) -> None:
    """A given folder without the files is an error; synthetic rows do not silently replace them."""
    folder = write(tmp_path / "data", {"README": b"Ali-CCP"})
    _refused(
        folder,
        ["expected the files of Ali-CCP in", "official sample_skeleton_train.csv", "user_id"],
    )


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"click": None}, "expected the columns click in"),
        ({"click": ["yes", "no"]}, "expected whole numbers in column 'click' of"),
        ({"user_age": [1.5, 2.0]}, "expected whole numbers in column 'user_age' of"),
        ({"item_id": [[1], [2]]}, "expected whole numbers in column 'item_id' of"),
    ],
)
def test_a_parquet_file_of_other_columns_is_refused(
    tmp_path: Path, changed: dict[str, Any], complaint: str
) -> None:
    """Of several files, the message names the one whose column is missing or is not whole numbers."""
    good = {name: [1, 2] for name in COLUMNS}
    bad = {name: values for name, values in (good | changed).items() if values is not None}
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table(good), tmp_path / "data" / "a.parquet")
    pq.write_table(pa.table(bad), tmp_path / "data" / "b.parquet")
    _refused(tmp_path / "data", [complaint, "b.parquet"])


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "page"])
def test_a_damaged_parquet_file_is_refused(tmp_path: Path, damage: str) -> None:
    """For text, a file cut short and a destroyed page, the message names the file."""
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "rows.parquet"
    pq.write_table(pa.table({name: [1, 2] for name in COLUMNS}), path)
    whole = path.read_bytes()
    damaged = {
        "empty": b"",
        "text": b"user_id,item_id\n7,40\n",
        "cut": whole[: len(whole) // 2],
        "page": whole[:4] + b"\xff" * 56 + whole[60:],
    }
    path.write_bytes(damaged[damage])
    _refused(
        tmp_path / "data", ["expected a complete Parquet file at", "rows.parquet, got an error: "]
    )
