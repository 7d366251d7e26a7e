"""Listens of a ListenBrainz dump are counted per user and song, whatever its compression."""

import bz2
import gzip
import lzma
import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sources.datasets.listenbrainz import read
from sources.ingest import ingest
from sources.tables import RawTables
from stages.artifacts import Artifacts
from tests.sources.listens import APRIL, MARCH, archive, lines, listen, recipe, zstd


def _read(folder: Path, name: str, content: bytes) -> RawTables:
    (folder / name).write_bytes(content)
    return read(recipe(folder, name), None)


#: The same listens in every accepted form.
FORMS = {
    "dump.listens": MARCH + APRIL,
    "dump.json": MARCH + b"\n \n" + APRIL.rstrip(b"\n"),
    "dump.jsonl": (MARCH + APRIL).replace(b"\n", b"\r\n"),
    "dump.listens.gz": gzip.compress(MARCH + APRIL),
    "dump.jsonl.bz2": bz2.compress(MARCH + APRIL),
    "dump.listens.xz": lzma.compress(MARCH + APRIL),
    "dump.listens.zst": zstd(MARCH) + zstd(APRIL),
    "dump.tar": archive(),
    "dump.tar.gz": gzip.compress(archive()),
    "dump.tar.xz": lzma.compress(archive()),
    "dump.tar.zst": zstd(archive()),
}


@pytest.mark.parametrize("name", FORMS)
def test_listens_are_counted_however_they_are_packed(tmp_path: Path, name: str) -> None:
    """Each user and song is one row, with the latest time, in the order of first listens."""
    tables = _read(tmp_path, name, FORMS[name])
    assert tables.interactions.in_memory().to_pydict() == {
        "user_id": ["zoë", "bob", "bob"],
        "item_id": ["the ducks - on the lake", "café robots - bolts", "the ducks - on the lake"],
        "plays": [2, 1, 1],
        "weight": [pytest.approx(1 + math.log(2)), 1.0, 1.0],
        "last_listened": [300, 100, 400],
    }
    assert tables.users.in_memory().to_pydict() == {"user_id": ["zoë", "bob"]}
    assert tables.items.in_memory().to_pydict() == {
        "item_id": ["the ducks - on the lake", "café robots - bolts"],
        "track": ["On the Lake", "Bolts"],
        "artist": ["The Ducks", "Café Robots"],
        "title": ["The Ducks - On the Lake", "Café Robots - Bolts"],
    }


def test_the_types_are_those_that_a_recipe_expects(tmp_path: Path) -> None:
    """Ids are strings, counts and times int64, weights float64."""
    tables = _read(tmp_path, "dump.listens", MARCH)
    text, number = pa.string(), pa.int64()
    assert tables.interactions.in_memory().schema.types == [
        text,
        text,
        number,
        pa.float64(),
        number,
    ]
    assert tables.users.in_memory().schema.types == [text]
    assert tables.items.in_memory().schema.types == [text] * 4


def test_a_folder_is_all_files_of_listens_in_it(tmp_path: Path) -> None:
    """All files of an unpacked dump are read, also compressed ones; other files are ignored."""
    folder = tmp_path / "dump" / "listens" / "2024"
    folder.mkdir(parents=True)
    (folder / "3.listens").write_bytes(MARCH)
    (folder / "4.listens.gz").write_bytes(gzip.compress(APRIL))
    (folder / "notes.txt").write_text("no listen")
    (tmp_path / "dump" / "COPYING").write_text("CC0")
    tables = read(recipe(tmp_path, "dump"), None)
    assert tables.interactions.in_memory()["plays"].to_pylist() == [2, 1, 1]


def test_the_api_spells_a_listen_in_another_way(tmp_path: Path) -> None:
    """``listened_at`` is also a time, and a user without a name is identified by number."""
    of_the_api = listen("", 0, "The Ducks", "Quack")
    of_the_api |= {"user_id": 17, "listened_at": 500}
    del of_the_api["timestamp"], of_the_api["user_name"]
    tables = _read(tmp_path, "dump.json", lines(of_the_api))
    assert tables.interactions.in_memory()["user_id"].to_pylist() == ["17"]
    assert tables.interactions.in_memory()["last_listened"].to_pylist() == [500]


def test_a_file_that_is_added_is_read_at_the_next_run(tmp_path: Path, said: list[str]) -> None:
    """Tables from a folder are up to date until a file in it, at any depth, changes."""
    folder = tmp_path / "dump" / "2024"
    folder.mkdir(parents=True)
    (folder / "3.listens").write_bytes(MARCH)
    listens, artifacts = recipe(tmp_path, "dump"), Artifacts(tmp_path / "artifacts")
    said.clear()
    for _ in range(2):
        ingest(listens, artifacts, None)
    assert said[-1].endswith("is up to date")
    (folder / "4.listens").write_bytes(APRIL)
    ingest(listens, artifacts, None)
    assert pq.read_table(artifacts.raw.interactions)["last_listened"].to_pylist() == [300, 100, 400]
