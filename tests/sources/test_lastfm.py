"""Last.fm's play counts: read, weighted, and fetched from GroupLens where nobody has them."""

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

#: Made-up plays with the oddities of the real ones: line ends of Windows, none at the very end.
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
    """Keep every test's downloads apart, and all but the real data set out of sight."""
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", str(tmp_path / "artifacts"))
    if request.node.get_closest_marker("data") is None:
        monkeypatch.delenv("SHORTLIST_DATA", raising=False)


def _read(folder: Path | None) -> RawTables:
    return lastfm.read(load("songs"), folder)


def _left(tmp_path: Path) -> list[str]:
    """What lies among the downloads; the empty beginning of a file is nothing."""
    files = (tmp_path / "artifacts" / "downloads").iterdir()
    return sorted(file.name for file in files if file.stat().st_size)


def test_the_tables_hold_what_the_files_say(tmp_path: Path) -> None:
    """Rows and artists keep their order, and a listener is known by the first row."""
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
    """One play weighs 1, 13,883 weigh 1 + ln(13,883) and not 13,883; none weighs less than 1."""
    weights = lastfm.play_weight(pa.chunked_array([[1, 13883, 0]])).to_pylist()
    assert weights == pytest.approx([1.0, 1 + math.log(13883), 1.0])


def test_the_recipe_songs_takes_them(tmp_path: Path, said: list[str]) -> None:
    """The source's columns are those that the recipe names, out of a zip file as it was fetched."""
    zipped(tmp_path / "data" / "hetrec2011-lastfm-2k.zip", "", SAMPLE)
    artifacts = Artifacts(tmp_path / "songs")
    ingest(load("songs"), artifacts, tmp_path / "data")
    assert pq.read_table(artifacts.raw.interactions)["plays"].to_pylist() == [1, 13883, 3]
    assert said[-1].startswith("3 interactions, 2 users, 3 items in")


def test_they_are_downloaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a folder the zip file comes from its address, and the next run asks nobody."""
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
    """What came is kept aside, the error says how to go on, and the next run fetches the rest."""
    archive = zipped(tmp_path / "lastfm.zip", "", SAMPLE)
    with serving(Site({"/lastfm.zip": archive}, breaks=[50, 50, 50])) as site:
        monkeypatch.setattr(lastfm, "URL", f"{site.url}/lastfm.zip")
        with pytest.raises(ShortlistError, match="goes on at byte 150") as raised:
            _read(None)
        assert ADDRESS in str(raised.value)
        assert _left(tmp_path) == ["hetrec2011-lastfm-2k.zip.part"]
        assert _read(None).users.in_memory().num_rows == 2
    assert _left(tmp_path) == ["hetrec2011-lastfm-2k.zip"]


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (None, "could not be downloaded: the answer was 404 Not Found. Fetch"),
        (b"<html>Please log in</html>", "cannot be read as a zip file"),
    ],
)
def test_an_address_without_the_file_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: bytes | None, complaint: str
) -> None:
    """A refusal and a page in the file's place name the official address and the way by hand."""
    with serving(Site({} if answer is None else {"/lastfm.zip": answer})) as site:
        monkeypatch.setattr(lastfm, "URL", f"{site.url}/lastfm.zip")
        with pytest.raises(ShortlistError, match=complaint) as raised:
            _read(None)
    assert ADDRESS in str(raised.value)
    assert "--data-dir FOLDER" in str(raised.value)
    assert _left(tmp_path) == []


LISTENS, ARTISTS = SAMPLE["user_artists.dat"], SAMPLE["artists.dat"]
BAD = [
    ({"user_artists.dat": b""}, ["user_artists.dat of", "is empty"]),
    ({"user_artists.dat": ARTISTS}, ["no column 'userID', 'artistID', 'weight'"]),
    (
        {"user_artists.dat": LISTENS[:-4]},
        ["user_artists.dat of", "cut off: CSV parse error: Row #4"],
    ),
    ({"user_artists.dat": LISTENS.replace(b"13883", b"many")}, ["column 'weight'", "'many'"]),
    ({"user_artists.dat": LISTENS.replace(b"51", b"")}, ["Column 'item_id' of", "null ids"]),
    ({"artists.dat": ARTISTS.replace(b"name", b"nom")}, ["artists.dat of", "no column 'name'"]),
    ({"artists.dat": ARTISTS.decode().encode("latin-1")}, ["Line 2 of artists.dat", "not UTF-8"]),
    ({"artists.dat": ARTISTS.replace(b"77", b"51")}, ["more than once, such as 51"]),
]


@pytest.mark.parametrize(("change", "complaints"), BAD)
def test_bad_files_are_refused_whole(
    tmp_path: Path, change: dict[str, bytes], complaints: list[str]
) -> None:
    """Every bad file is named with the folder it lies in, and no table is written."""
    folder = write(tmp_path / "data", SAMPLE | change)
    refused_whole("songs", folder, tmp_path / "songs", complaints)


@pytest.mark.data
def test_the_real_data_set(tmp_path: Path, said: list[str]) -> None:
    """The published counts: listeners, artists and the rows between them."""
    said.clear()
    if local(lastfm.DATASET, None) is None:
        pytest.skip(f"Last.fm-2k is not here: SHORTLIST_DATA names no folder with it {said}")
    artifacts = Artifacts(tmp_path / "songs")
    ingest(load("songs"), artifacts, None)
    tables = (artifacts.raw.interactions, artifacts.raw.users, artifacts.raw.items)
    rows = [pq.read_metadata(table).num_rows for table in tables]
    assert rows == [92_834, 1_892, 17_632]
    assert pq.read_table(artifacts.raw.items)["name"].null_count == 0
