"""MovieLens with titles as items: films with the same title are one item."""

import hashlib
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from recipes.load import load
from recipes.schema.recipe import Recipe
from sources.datasets import movielens_files
from sources.datasets.movielens import titles_as_items
from sources.ingest import ingest
from sources.tables import RawTable, RawTables
from sources.titles import titles
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.sources.samples import write

RATINGS = b"3\t4\t5\t881250949\n1\t2\t2\t891717742\n2\t1\t3\t878887116\n1\t3\t1\t878887117\n"
#: Synthetic films; 2 and 4 have the same title but differ in release date and genre.
SAMPLE = {
    "u.data": RATINGS,
    "u.user": b"1|24|M|writer|85711\n2|53|F|other|0A1B2\n3|7|M|student|00501\n",
    "u.genre": b"unknown|0\nAction|1\nDrama|2\n\n",
    "u.item": (
        b"1|Lake, The (1980)|01-Jan-1980|||0|0|1\n"
        b"2|Twins (1990)|01-Jan-1990|||0|1|0\n"
        b"3|unknown||||1|0|0\n"
        b"4|Twins (1990)|01-Jan-1991|||0|0|1\n"
    ),
}


@pytest.fixture(autouse=True)
def _made_up_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accept the synthetic ratings as the real ones."""
    expected = hashlib.sha256(RATINGS).hexdigest()
    monkeypatch.setattr(movielens_files, "RATINGS_SHA256", expected)


def _ingested(tmp_path: Path, recipe: str, sample: dict[str, bytes]) -> Artifacts:
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(load(recipe), artifacts, write(tmp_path / "data", sample))
    return artifacts


def test_films_of_one_title_are_one_item(tmp_path: Path) -> None:
    """Ratings of both films belong to the title, and the first film gives the features."""
    raw = _ingested(tmp_path, "movielens-retrieval", SAMPLE).raw
    assert pq.read_table(raw.interactions).to_pydict() == {
        "user_id": [3, 1, 2, 1],
        "title": ["Twins (1990)", "Twins (1990)", "The Lake (1980)", "unknown"],
        "rating": [5, 2, 3, 1],
        "timestamp": [881250949, 891717742, 878887116, 878887117],
    }
    assert pq.read_table(raw.items).to_pydict() == {
        "title": ["The Lake (1980)", "Twins (1990)", "unknown"],
    }
    assert pq.read_table(raw.users)["user_id"].to_pylist() == [1, 2, 3]


def test_other_recipes_keep_the_numbers_of_films(tmp_path: Path) -> None:
    """Without the option, both films stay, each with its own id and title."""
    artifacts = _ingested(tmp_path, "movielens-100k", SAMPLE)
    assert pq.read_table(artifacts.raw.interactions)["item_id"].to_pylist() == [4, 2, 1, 3]
    assert titles(load("movielens-100k"), artifacts) == {
        "1": "The Lake (1980)",
        "2": "Twins (1990)",
        "3": "unknown",
        "4": "Twins (1990)",
    }


BAD = [
    ("movielens-retrieval", {"u.item": SAMPLE["u.item"].split(b"4|")[0]}, "KeyError: 4"),
    ("movielens-100k", {"u.item": SAMPLE["u.item"][:-30]}, "ValueError: "),
    ("movielens-100k", {"u.item": b"film\n"}, "ValueError: "),
    ("movielens-100k", {"u.item": b""}, "expected at least one row of items in"),
    ("movielens-100k", {"u.user": SAMPLE["u.user"][:-10]}, "ValueError: "),
    ("movielens-100k", {"u.user": SAMPLE["u.user"].replace(b"53", b"old")}, "'old'"),
    ("movielens-100k", {"u.user": b""}, "ValueError: "),
    ("movielens-100k", {"u.genre": b"unknown|0\nAction|1\n"}, "ValueError: "),
]


@pytest.mark.parametrize(("recipe", "change", "complaint"), BAD)
def test_damaged_files_beside_the_ratings_are_refused(
    tmp_path: Path, recipe: str, change: dict[str, bytes], complaint: str
) -> None:
    """Only the ratings have a checksum, but unreadable users and films are errors, too."""
    with pytest.raises(ShortlistError) as raised:
        _ingested(tmp_path, recipe, SAMPLE | change)
    assert complaint in str(raised.value)
    assert str(tmp_path / "data") in str(raised.value)
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.data
def test_the_real_data_set_has_1664_titles(movielens: tuple[Recipe, Artifacts]) -> None:
    """The count is that of the published protocol, and all 100,000 ratings are kept."""
    raw = movielens[1].raw
    tables = RawTables(
        RawTable("interactions", "", pq.read_table(raw.interactions)),
        RawTable("users", "", pq.read_table(raw.users)),
        RawTable("items", "", pq.read_table(raw.items)),
    )
    by_title = titles_as_items(tables)
    assert by_title.items.in_memory().num_rows == 1_664
    assert by_title.interactions.in_memory().num_rows == 100_000
