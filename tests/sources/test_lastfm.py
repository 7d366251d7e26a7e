"""Last.fm's play counts: read, weighted, and downloaded from GroupLens if not on this machine."""

import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipes.load import load
from sources.datasets import lastfm
from sources.files import local
from sources.ingest import ingest
from sources.tables import RawTables
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.sources.samples import refused_whole, write, zipped
from tests.sources.serving import Site, serving

#: Synthetic plays with the quirks of the real ones: Windows line ends, and none at the end of the file.
SAMPLE = {
    "user_artists.dat": b"userID\tartistID\tweight\r\n4\t60\t1\r\n2\t51\t13883\r\n2\t60\t3",
    "artists.dat": (
        "id\tname\turl\tpictureURL\n"
        "51\tThe Café Robots\thttp://a/51\thttp://b/51.jpg\n"
        '60\tNULL "and" void\thttp://a/60\t\n'
        "77\tNobody's\thttp://a/77\thttp://b/77.jpg\n"
    ).encode(),
}
ADDRESS = "https://files.grouplens.org/datasets/hetrec2011/hetrec2011-lastfm-2k.zip"


@pytest.fixture(autouse=True)
def _apart(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every test its own downloads, and show ``SHORTLIST_DATA`` only to tests of the real data."""
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", str(tmp_path / "artifacts"))
    if request.node.get_closest_marker("data") is None:
        monkeypatch.delenv("SHORTLIST_DATA", raising=False)


def _read(folder: Path | None) -> RawTables:
    return lastfm.read(load("songs"), folder)


def _left(tmp_path: Path) -> list[str]:
    """The downloaded files, without empty ones."""
    files = (tmp_path / "artifacts" / "downloads").iterdir()
    return sorted(file.name for file in files if file.stat().st_size)


def test_the_tables_hold_what_the_files_say(tmp_path: Path) -> None:
    """Rows and artists keep their order, and users are in the order of their first rows."""
    read = _read(write(tmp_path / "lastfm-2k", SAMPLE).parent)
    assert read.interactions.in_memory().schema == pa.schema(
        {
            "user_id": pa.int64(),
            "item_id": pa.int64(),
            "plays": pa.int64(),
            "weight": pa.float64(),
        }
    )
    assert read.interactions.in_memory().drop_columns("weight").to_pydict() == {
        "user_id": [4, 2, 2],
        "item_id": [60, 51, 60],
        "plays": [1, 13883, 3],
    }
    assert read.users.in_memory().to_pydict() == {"user_id": [4, 2]}
    assert read.items.in_memory().to_pydict() == {
        "item_id": [51, 60, 77],
        "name": ["The Café Robots", 'NULL "and" void', "Nobody's"],
    }


def test_a_play_counts_less_the_more_there_are() -> None:
    """One play weighs 1, 13,883 plays weigh 1 + ln(13,883), and no weight is below 1."""
    weights = lastfm.play_weight(pa.chunked_array([[1, 13883, 0]])).to_pylist()
    assert weights == pytest.approx([1.0, 1 + math.log(13883), 1.0])


def test_the_recipe_songs_takes_them(tmp_path: Path, said: list[str]) -> None:
    """The source returns the columns that the recipe names, from the zip file as downloaded."""
    zipped(tmp_path / "data" / "hetrec2011-lastfm-2k.zip", "", SAMPLE)
    artifacts = Artifacts(tmp_path / "songs")
    ingest(load("songs"), artifacts, tmp_path / "data")
    assert pq.read_table(artifacts.raw.interactions)["plays"].to_pylist() == [1, 13883, 3]
    assert said[-1].startswith("3 interactions, 2 users, 3 items in")


def test_they_are_downloaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder the zip file is downloaded, and the next run makes no request."""
    archive = zipped(tmp_path / "lastfm.zip", "", SAMPLE)
    with serving(Site({"/lastfm.zip": archive})) as site:
        monkeypatch.setattr(lastfm, "URL", f"{site.url}/lastfm.zip")
        for _ in range(2):
            assert _read(None).interactions.in_memory()["plays"].to_pylist() == [1, 13883, 3]
        assert site.asked == [("/lastfm.zip", None)]
    assert _left(tmp_path) == ["hetrec2011-lastfm-2k.zip"]


def test_a_download_that_breaks_off_is_no_data_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bytes so far are kept, the message says how to continue, and the next run requests the rest."""
    archive = zipped(tmp_path / "lastfm.zip", "", SAMPLE)
    with serving(Site({"/lastfm.zip": archive}, breaks=[50, 50, 50])) as site:
        monkeypatch.setattr(lastfm, "URL", f"{site.url}/lastfm.zip")
        with pytest.raises(ShortlistError, match="resumes at byte 150") as raised:
            _read(None)
        assert ADDRESS in str(raised.value)
        assert _left(tmp_path) == ["hetrec2011-lastfm-2k.zip.part"]
        assert _read(None).users.in_memory().num_rows == 2
    assert _left(tmp_path) == ["hetrec2011-lastfm-2k.zip"]


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (None, "expected to download HetRec 2011 Last.fm-2k, got status 404 Not Found. Download"),
        (b"<html>Please log in</html>", "expected a zip file at .*, got an error"),
    ],
)
def test_an_address_without_the_file_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes | None, complaint: str
) -> None:
    """After a refusal or an HTML page, the message has the official address and how to give a folder."""
    with serving(Site({} if answer is None else {"/lastfm.zip": answer})) as site:
        monkeypatch.setattr(lastfm, "URL", f"{site.url}/lastfm.zip")
        with pytest.raises(ShortlistError, match=complaint) as raised:
            _read(None)
    assert ADDRESS in str(raised.value)
    assert "--data-dir FOLDER" in str(raised.value)
    assert _left(tmp_path) == []


LISTENS, ARTISTS = SAMPLE["user_artists.dat"], SAMPLE["artists.dat"]
BAD = [
    ({"user_artists.dat": b""}, ["user_artists.dat of", "got an empty file"]),
    ({"user_artists.dat": ARTISTS}, ["without 'userID', 'artistID', 'weight'"]),
    (
        {"user_artists.dat": LISTENS[:-4]},
        ["user_artists.dat of", "got an error: CSV parse error: Row #4", "cut off"],
    ),
    ({"user_artists.dat": LISTENS.replace(b"13883", b"many")}, ["column 'weight'", "'many'"]),
    (
        {"user_artists.dat": LISTENS.replace(b"51", b"")},
        ["expected no null ids in column 'item_id' of"],
    ),
    ({"artists.dat": ARTISTS.replace(b"name", b"nom")}, ["artists.dat of", "without 'name'"]),
    (
        {"artists.dat": ARTISTS.decode().encode("latin-1")},
        ["expected UTF-8 in line 2 of artists.dat"],
    ),
    ({"artists.dat": ARTISTS.replace(b"77", b"51")}, ["more than once, such as 51"]),
]


@pytest.mark.parametrize(("change", "complaints"), BAD)
def test_bad_files_are_refused_whole(
    tmp_path: Path, change: dict[str, bytes], complaints: list[str]
) -> None:
    """The message names the bad file and its folder, and no table is written."""
    folder = write(tmp_path / "data", SAMPLE | change)
    refused_whole("songs", folder, tmp_path / "songs", complaints)


@pytest.mark.data
def test_the_real_data_set(tmp_path: Path, said: list[str]) -> None:
    """The published numbers of interactions, listeners and artists."""
    said.clear()
    if local(lastfm.DATASET, None) is None:
        pytest.skip(f"SHORTLIST_DATA names no folder with Last.fm-2k: {said}")
    artifacts = Artifacts(tmp_path / "songs")
    ingest(load("songs"), artifacts, None)
    tables = (artifacts.raw.interactions, artifacts.raw.users, artifacts.raw.items)
    rows = [pq.read_metadata(table).num_rows for table in tables]
    assert rows == [92_834, 1_892, 17_632]
    assert pq.read_table(artifacts.raw.items)["name"].null_count == 0
