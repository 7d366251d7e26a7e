"""Files that are not a complete dump are refused with file, line and download address."""

import bz2
import gzip
import json
import lzma
import math
from pathlib import Path

import pytest

from sources.datasets.listenbrainz import read
from sources.ingest import ingest
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.sources.listens import MARCH, archive, lines, listen, recipe, zstd

ADDRESS = "https://data.metabrainz.org/pub/musicbrainz/listenbrainz"
GOOD = listen("bob", 1, "The Ducks", "Quack")
SONG = GOOD["track_metadata"]
BAD_LINES = [
    (MARCH[:-20], ":3, got JSONDecodeError"),
    (MARCH + b"\x80\n", ":4, got UnicodeDecodeError"),
    (MARCH.decode().encode("latin-1"), ":1, got UnicodeDecodeError"),
    (MARCH.decode().encode("utf-16"), ":1, got "),
    (b"user,artist\nbob,ducks\n", ":1, got JSONDecodeError"),
    (json.dumps([GOOD]).encode(), ":1, got TypeError"),
    (b"null\n", ":1, got TypeError"),
    (lines(GOOD, {"user_name": "bob"}), ":2, got KeyError: 'track_metadata'"),
    (lines(GOOD | {"track_metadata": "Quack"}), ":1, got TypeError"),
    (lines(GOOD | {"track_metadata": {"artist_name": "A"}}), "got KeyError: 'track_name'"),
    (lines(GOOD | {"track_metadata": SONG | {"track_name": None}}), "NoneType found"),
    (lines(GOOD | {"track_metadata": SONG | {"artist_name": 5}}), "int found"),
    (lines(GOOD | {"user_name": None, "user_id": None}), ":1, got TypeError"),
    (lines(GOOD | {"timestamp": "today"}), "invalid literal for int() with base 10: 'today'"),
    (lines(GOOD | {"timestamp": None}), ":1, got TypeError"),
    (lines(GOOD | {"timestamp": math.inf}), ":1, got OverflowError"),
    (lines(GOOD).replace(b"Quack", b"\\ud83d"), "surrogates not allowed"),
]


@pytest.mark.parametrize(("content", "complaint"), BAD_LINES)
def test_a_line_that_is_no_listen_is_named(tmp_path: Path, content: bytes, complaint: str) -> None:
    """The message has the file, the line, the error and the expected format, and no table is written."""
    listens = recipe(tmp_path, "dump.listens")
    (tmp_path / "dump.listens").write_bytes(content)
    with pytest.raises(ShortlistError) as raised:
        ingest(listens, Artifacts(tmp_path / "artifacts"), None)
    message = str(raised.value)
    assert f"{tmp_path / 'dump.listens'}:" in message
    assert complaint in message
    assert "expected a JSON object with user_name or user_id" in message
    assert ADDRESS in message
    assert not (tmp_path / "artifacts").exists()


#: Offset of the second month's header in the archive.
APRIL_BEGINS = archive().index(b"4.listens") // 512 * 512
MANY = lines(*(listen(f"user {number}", number, "A", f"B{number}") for number in range(500)))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("dump.listens.gz", gzip.compress(MANY)[:-200]),
        ("dump.listens.bz2", bz2.compress(MANY)[:-200]),
        ("dump.listens.xz", lzma.compress(MANY)[:-200]),
        ("dump.listens.zst", zstd(MANY)[:-200]),
        ("dump.listens.gz", MANY),
        ("dump.listens.xz", MANY),
        ("dump.listens.zst", MANY),
        ("dump.listens.gz", gzip.compress(MANY)[:-8] + b"checksum"),
        ("dump.tar", archive()[: APRIL_BEGINS - 600]),
        ("dump.tar", archive()[:APRIL_BEGINS]),
        ("dump.tar", archive().replace(b"4.listens", b"4.silence")),  # a wrong checksum
        ("dump.tar", MANY),
        ("dump.tar", b""),
        ("dump.tar.xz", lzma.compress(archive())[:-60]),
        ("dump.tar.zst", zstd(archive())[:-60]),
        ("dump.tar.gz", gzip.compress(MANY)),
    ],
)
def test_a_dump_that_is_cut_off_or_packed_in_another_way_is_refused(
    tmp_path: Path, name: str, content: bytes
) -> None:
    """Half a dump is not read as a smaller one; the message has the file and the download address."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(
        ShortlistError, match=r"complete file at .*, got an error after line \d+: .+"
    ) as raised:
        read(recipe(tmp_path, name), None)
    assert str(tmp_path / name) in str(raised.value)
    assert ADDRESS in str(raised.value)


@pytest.mark.parametrize("name", ["dump.listens", "dump.listens.gz", "dump.tar", "dump"])
def test_a_dump_without_a_listen_is_refused(tmp_path: Path, name: str) -> None:
    """For an empty file, and an archive or folder without listens, the message names the path."""
    if name == "dump":
        (tmp_path / "dump").mkdir()
        (tmp_path / "dump" / "listens.parquet").write_bytes(b"PAR1")
    else:
        (tmp_path / name).write_bytes(archive(".silence") if name == "dump.tar" else b"")
    with pytest.raises(
        ShortlistError, match=r"expected listens, .* in \S*dump\S*, found none"
    ) as raised:
        read(recipe(tmp_path, name), None)
    assert ADDRESS in str(raised.value)


def test_a_dump_that_is_not_there_is_named_with_its_key(tmp_path: Path) -> None:
    """The message has the path, the key of the recipe, and the address of the dumps."""
    with pytest.raises(
        ShortlistError, match=r"expected .*dump\.tar\.zst.*source\.interactions, found none"
    ) as raised:
        read(recipe(tmp_path, "dump.tar.zst"), None)
    assert ADDRESS in str(raised.value)
