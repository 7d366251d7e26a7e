"""Anime ratings, joined with data about each anime and a user context from unrated anime."""

import math
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipes.load import load
from sources.datasets import anime
from sources.files import local
from sources.ingest import ingest
from sources.tables import RawTables
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.sources.samples import refused_whole, write, zipped

#: Synthetic anime. User 7 rated 1 and 4, and only watched 2, 3 and 5; user 8 rated all watched.
SAMPLE = {
    "anime_ratings.dat": b"User_ID\tAnime_ID\tFeedback\n8\t2\t10\n7\t1\t6\n7\t4\t9\n8\t3\t1\n",
    "anime_history.dat": (
        b"User_ID\tAnime_ID\tFeedback\n"
        b"7\t1\t1\n7\t2\t1\n7\t3\t1\n7\t4\t1\n7\t5\t1\n8\t2\t1\n8\t3\t1\n"
    ),
    "anime_info.dat": (
        "anime_ids\tname\tgenre\ttype\tepisodes\trating\tmembers\n"
        "3\tTeacup Saga\tDrama, Slice of Life\tTV\t12\t7.5\t1000\n"
        "1\tRobot Café\tComedy\tMovie\t1\t8.01\t200\n"
        "5\tDuck&#039;s &amp; Drakes\tSlice of Life, Mecha, Drama, Kids\tOVA\t2\t6\t100\n"
        "4\tNameless\t\tTV\t3\t5.5\t70\n"
        "2\tThe Lake\tDrama\tTV\t26\t9\t10\n"
    ).encode(),
}
RATINGS, INFO = SAMPLE["anime_ratings.dat"], SAMPLE["anime_info.dat"]


@pytest.fixture(autouse=True)
def _out_of_sight(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("data") is None:
        monkeypatch.delenv("SHORTLIST_DATA", raising=False)


def _read(folder: Path | None) -> RawTables:
    return anime.read(load("anime"), folder)


def test_ratings_are_those_of_anime_that_lack_nothing(tmp_path: Path) -> None:
    """Anime 4 has no genre, so it and its rating are dropped; the others keep their order."""
    read = _read(write(tmp_path, SAMPLE))
    assert read.interactions.in_memory().to_pydict() == {
        "user_id": [8, 7, 8],
        "item_id": [2, 1, 3],
        "rating": [10, 6, 1],
    }
    assert read.items.in_memory().to_pydict() == {
        "item_id": [3, 1, 5, 2],
        "name": ["Teacup Saga", "Robot Café", "Duck's & Drakes", "The Lake"],
        "genres": [
            ["Drama", "Slice of Life"],
            ["Comedy"],
            ["Slice of Life", "Mecha", "Drama", "Kids"],
            ["Drama"],
        ],
        "type": ["TV", "Movie", "OVA", "TV"],
        "episodes": [12, 1, 2, 26],
        "members": [1000, 200, 100, 10],
    }


def test_a_users_context_is_what_was_watched_and_not_rated(tmp_path: Path) -> None:
    """User 7 watched 2, 3 and 5: drama three times, slice of life twice; ties are alphabetical."""
    read = _read(write(tmp_path, SAMPLE))
    assert read.users.in_memory().to_pydict() == {
        "user_id": [7, 8],
        "favourite_genres": ["Drama Slice of Life Kids", None],
        "favourite_type": ["TV", None],
        "favourite_audience": [pytest.approx((1 + 2 + 3) / 3), None],
    }


def test_a_rating_changes_no_context_but_by_leaving_it(tmp_path: Path) -> None:
    """Another rating changes the label but not the user: the context does not leak ratings."""
    one = _read(write(tmp_path / "one", SAMPLE))
    changed = RATINGS.replace(b"7\t1\t6", b"7\t1\t2")
    two = _read(write(tmp_path / "two", SAMPLE | {"anime_ratings.dat": changed}))
    rated = RATINGS + b"7\t5\t10\n"
    three = _read(write(tmp_path / "three", SAMPLE | {"anime_ratings.dat": rated}))
    assert one.interactions.in_memory() != two.interactions.in_memory()
    assert one.users.in_memory() == two.users.in_memory()
    assert three.users.in_memory().to_pylist()[0] == {
        "user_id": 7,
        "favourite_genres": "Drama Slice of Life",
        "favourite_type": "TV",
        "favourite_audience": pytest.approx(math.log10(1000 * 10) / 2),
    }


def test_columns_have_their_types_even_where_all_is_missing(tmp_path: Path) -> None:
    """If all users rated everything that they watched, contexts are null, of type string and float64."""
    history = b"User_ID\tAnime_ID\tFeedback\n7\t1\t1\n7\t4\t1\n8\t2\t1\n8\t3\t1\n"
    read = _read(write(tmp_path, SAMPLE | {"anime_history.dat": history}))
    assert read.users.in_memory().schema.types == [
        pa.int64(),
        pa.string(),
        pa.string(),
        pa.float64(),
    ]
    assert read.users.in_memory()["favourite_genres"].null_count == 2
    assert read.items.in_memory().schema.field("genres").type == pa.list_(pa.string())


def test_rows_with_a_missing_number_are_left_out(tmp_path: Path) -> None:
    """An empty rating drops its row, and the other ids stay whole numbers."""
    ratings = RATINGS.replace(b"7\t1\t6", b"7\t1\t")
    read = _read(write(tmp_path, SAMPLE | {"anime_ratings.dat": ratings}))
    assert read.interactions.in_memory().to_pydict() == {
        "user_id": [8, 8],
        "item_id": [2, 3],
        "rating": [10, 1],
    }


def test_the_recipe_takes_them(tmp_path: Path, said: list[str]) -> None:
    """The source returns the columns that the recipe names, from the zip file as downloaded."""
    zipped(tmp_path / "data" / "anime.zip", "anime/", SAMPLE)
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(load("anime"), artifacts, tmp_path / "data")
    assert pq.read_table(artifacts.raw.interactions)["rating"].to_pylist() == [10, 6, 1]
    assert said[-1].startswith("3 interactions, 2 users, 4 items in")


def test_without_a_folder_the_address_is_told(tmp_path: Path) -> None:
    """There is no automatic download, so the message says where to get the data."""
    with pytest.raises(
        ShortlistError, match=r"expected a folder with the anime ratings, .* got none"
    ) as raised:
        _read(None)
    assert "https://github.com/caserec/Datasets-for-Recommender-Systems" in str(raised.value)
    assert "--data-dir FOLDER" in str(raised.value)


BAD = [
    ({"anime_ratings.dat": b""}, ["anime_ratings.dat of", "got an empty file"]),
    ({"anime_ratings.dat": INFO}, ["without 'User_ID', 'Anime_ID', 'Feedback'"]),
    ({"anime_ratings.dat": RATINGS[:-3]}, ["anime_ratings.dat of", "cut off", "Row #5"]),
    ({"anime_ratings.dat": RATINGS.replace(b"10", b"ten")}, ["column 'Feedback'", "'ten'"]),
    (
        {"anime_history.dat": b"User_ID\tAnime_ID\n"},
        ["expected rows below the header of anime_history.dat of"],
    ),
    ({"anime_info.dat": INFO.replace(b"26", b"Unknown")}, ["column 'episodes'", "'Unknown'"]),
    (
        {"anime_info.dat": INFO.decode().encode("latin-1")},
        ["expected UTF-8 in line 3 of anime_info.dat"],
    ),
    ({"anime_info.dat": INFO.replace(b"\n5\t", b"\n3\t")}, ["more than once, such as 3"]),
]


@pytest.mark.parametrize(("change", "complaints"), BAD)
def test_bad_files_are_refused_whole(
    tmp_path: Path, change: dict[str, bytes], complaints: list[str]
) -> None:
    """The message names the bad file and its folder, and no table is written."""
    folder = write(tmp_path / "data", SAMPLE | change)
    refused_whole("anime", folder, tmp_path / "artifacts", complaints)


@pytest.mark.data
def test_the_real_data_set(tmp_path: Path, said: list[str]) -> None:
    """Of anime with at least 111 ratings: 305,028 ratings of 997 anime; names have no HTML entities."""
    from workflows.selection import select, without_rare
    from workflows.tables import read_tables

    said.clear()
    if local(anime.DATASET, None) is None:
        pytest.skip(f"SHORTLIST_DATA names no folder with the anime ratings: {said}")
    recipe, artifacts = load("anime"), Artifacts(tmp_path / "artifacts")
    ingest(recipe, artifacts, None)
    tables = read_tables(recipe, artifacts.raw)
    kept, rated = without_rare(recipe, tables, select(recipe, tables))
    assert (len(rated), len(kept.items)) == (305_028, 997)
    items = pq.read_table(artifacts.raw.items)
    assert items.num_rows == 7_387
    assert not any("&#039;" in name for name in items["name"].to_pylist())
