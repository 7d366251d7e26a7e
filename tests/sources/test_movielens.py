"""MovieLens-100K: found in any accepted place, verified, and read from either form."""

import hashlib
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from recipes.schema.recipe import Recipe
from sources.datasets import movielens_files
from sources.datasets.movielens import readable_title, tables
from sources.datasets.movielens_files import Files, find
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.sources.samples import write, zipped
from tests.sources.serving import Site, serving

RATINGS = b"3\t1\t5\t881250949\n1\t4\t2\t891717742\n2\t1\t3\t878887116\n"
GENRES = b"unknown|0\nAction|1\nChildren's|2\nSci-Fi|3\n\n"
#: Synthetic films with the quirks of the real ones: Latin-1, a trailing space, "(V)", no year.
GROUPLENS = {
    "u.data": RATINGS,
    "u.user": b"1|24|M|writer|85711\n2|53|F|other|0A1B2\n3|7|M|student|00501\n",
    "u.genre": GENRES,
    "u.item": (
        "1|Caf\u00e9 of Robots, The (1980) |01-Jan-1980||http://a/?a|0|1|0|1\n"
        "2|Ducklings II (1995) (V)|01-Jan-1995|||0|0|1|0\n"
        "3|unknown||||1|0|0|0\n"
        "4|Lake (Lac, Le) (1931)|01-Jan-1931|||0|0|0|0\n"
    ).encode("latin-1"),
}
RECBOLE = {
    "ml-100k.inter": b"user_id:token\titem_id:token\trating:float\ttimestamp:float\n" + RATINGS,
    "ml-100k.user": (
        b"user_id:token\tage:token\tgender:token\toccupation:token\tzip_code:token\n"
        b"1\t24\tM\twriter\t85711\n2\t53\tF\tother\t0A1B2\n3\t7\tM\tstudent\t00501\n"
    ),
    "ml-100k.item": (
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "1\tCaf\u00e9 of Robots, The\t1980\tAction Sci-Fi\n"
        "2\tDucklings II (1995)\tV\tChildren's\n"
        "3\tunkonwn\tunkonwn\tunknown\n"
        "4\tLake (Lac, Le)\t1931\t\n"
    ).encode(),
}


@pytest.fixture(autouse=True)
def _made_up_data(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Accept the synthetic ratings as the real ones, and give every test its own downloads."""
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", str(tmp_path / "artifacts"))
    if request.node.get_closest_marker("data") is None:
        monkeypatch.delenv("SHORTLIST_DATA", raising=False)
        expected = hashlib.sha256(RATINGS).hexdigest()
        monkeypatch.setattr(movielens_files, "RATINGS_SHA256", expected)


@pytest.mark.parametrize(
    ("title", "spoken"),
    [
        ("Empire Strikes Back, The (1980)", ("The Empire Strikes Back (1980)", 1980)),
        ("Star Wars (1977)", ("Star Wars (1977)", 1977)),
        ("Enfer, L' (1994)", ("L'Enfer (1994)", 1994)),
        ("Drum, The (Trommel, Die) (1979)", ("The Drum (Die Trommel) (1979)", 1979)),
        ("Bye Bye, Love (1995)", ("Bye Bye, Love (1995)", 1995)),
        ("2001: A Space Odyssey (1968)", ("2001: A Space Odyssey (1968)", 1968)),
        ("Time of Giving, The (1995) (V)", ("The Time of Giving (1995)", 1995)),
        ("unknown", ("unknown", None)),
    ],
)
def test_titles_are_written_as_they_are_spoken(title: str, spoken: tuple[str, int | None]) -> None:
    """Articles move to the front, and the year is the one in the title."""
    assert readable_title(title) == spoken


@pytest.mark.parametrize("content", [GROUPLENS, RECBOLE])
def test_both_forms_give_the_same_tables(content: dict[str, bytes]) -> None:
    """Both forms give the same rows in the same order."""
    read = tables(Files("here", content))
    assert read.interactions.in_memory().to_pydict() == {
        "user_id": [3, 1, 2],
        "item_id": [1, 4, 1],
        "rating": [5, 2, 3],
        "timestamp": [881250949, 891717742, 878887116],
    }
    assert read.users.in_memory().to_pydict() == {
        "user_id": [1, 2, 3],
        "age": [24, 53, 7],
        "gender": ["M", "F", "M"],
        "occupation": ["writer", "other", "student"],
        "zip_code": ["85711", "0A1B2", "00501"],
    }
    assert read.items.in_memory().to_pydict() == {
        "item_id": [1, 2, 3, 4],
        "title": [
            "The Caf\u00e9 of Robots (1980)",
            "Ducklings II (1995)",
            "unknown",
            "Lake (Le Lac) (1931)",
        ],
        "year": [1980, 1995, None, 1931],
        "genres": [["Action", "Sci-Fi"], ["Children's"], ["unknown"], []],
    }


@pytest.mark.parametrize("place", ["", "ml-100k"])
@pytest.mark.parametrize("content", [GROUPLENS, RECBOLE])
def test_a_folder_is_found_whether_it_is_the_data_or_holds_it(
    tmp_path: Path, place: str, content: dict[str, bytes]
) -> None:
    """The unpacked folder and its parent are both accepted."""
    write(tmp_path / "data" / place, content)
    assert find(tmp_path / "data").content == content


def test_a_zip_in_the_folder_is_read_as_it_is(tmp_path: Path) -> None:
    """A downloaded zip file need not be unpacked."""
    zipped(tmp_path / "data" / "ml-100k.zip", "ml-100k/", GROUPLENS)
    assert find(tmp_path / "data").content == GROUPLENS


def test_the_environment_names_a_folder_and_the_argument_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SHORTLIST_DATA is used only if no folder is given."""
    monkeypatch.setenv("SHORTLIST_DATA", str(write(tmp_path / "one", GROUPLENS)))
    assert find(None).origin == str(tmp_path / "one")
    assert find(write(tmp_path / "two", RECBOLE)).origin == str(tmp_path / "two")


def test_a_given_folder_without_the_data_is_an_error(tmp_path: Path) -> None:
    """A given folder without the files is an error; nothing is silently downloaded instead."""
    with pytest.raises(ShortlistError, match=r"expected MovieLens-100K in .* \(u\.data.* got none"):
        find(tmp_path)


def test_other_ratings_are_refused(tmp_path: Path) -> None:
    """One changed byte in the ratings, or another data set, fails the checksum."""
    changed = GROUPLENS | {"u.data": RATINGS.replace(b"5", b"4", 1)}
    with pytest.raises(
        ShortlistError, match=r"expected the ratings of MovieLens-100K, SHA-256 .* got SHA-256"
    ):
        find(write(tmp_path / "data", changed))


def test_line_ends_of_another_system_do_not_matter(tmp_path: Path) -> None:
    """A copy with Windows line ends has the same ratings."""
    content = {name: data.replace(b"\n", b"\r\n") for name, data in GROUPLENS.items()}
    read = tables(find(write(tmp_path / "data", content)))
    assert read.interactions.in_memory().num_rows == 3
    assert read.users.in_memory()["zip_code"].to_pylist() == ["85711", "0A1B2", "00501"]


def test_the_wheel_is_taken_where_grouplens_does_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    """The next place is tried, the reason is logged, and the second run downloads nothing."""
    wheel = zipped(tmp_path / "wheel", "recbole/dataset_example/ml-100k/", RECBOLE)
    listed = {"filename": movielens_files.WHEEL, "url": "../../files/recbole.whl"}
    index = json.dumps({"files": [{"filename": "other.whl", "url": "/other"}, listed]}).encode()
    pages = {"/simple/recbole/": index, "/files/recbole.whl": wheel}
    said.clear()
    with serving(Site(pages)) as site:
        monkeypatch.setattr(movielens_files, "ZIP_URL", f"{site.url}/ml-100k.zip")
        monkeypatch.setattr(movielens_files, "WHEEL_SHA256", hashlib.sha256(wheel).hexdigest())
        monkeypatch.setenv("PIP_INDEX_URL", f"{site.url}/simple")
        assert find(None).content == RECBOLE
        asked = len(site.asked)
        assert find(None).content == RECBOLE
        assert len(site.asked) == asked == 3
    assert "skipping ml-100k.zip: status 404 Not Found" in said


def test_a_changed_wheel_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    """An archive with a checksum other than the pinned one is not read, and the message has a remedy."""
    wheel = zipped(tmp_path / "wheel", "recbole/dataset_example/ml-100k/", RECBOLE)
    listed = {"filename": movielens_files.WHEEL, "url": "/recbole.whl"}
    pages = {
        "/simple/recbole/": json.dumps({"files": [listed]}).encode(),
        "/recbole.whl": wheel,
    }
    said.clear()
    with serving(Site(pages)) as site:
        monkeypatch.setattr(movielens_files, "ZIP_URL", f"{site.url}/ml-100k.zip")
        monkeypatch.setenv("PIP_INDEX_URL", f"{site.url}/simple")
        with pytest.raises(ShortlistError, match="--data-dir FOLDER"):
            find(None)
    assert any("expected SHA-256 9c9948202011" in line for line in said)


@pytest.mark.data
def test_the_real_data_set(movielens: tuple[Recipe, Artifacts]) -> None:
    """The published counts, the first row of u.data, and the films with known quirks."""
    _, artifacts = movielens
    interactions = pq.read_table(artifacts.raw.interactions)
    users, items = pq.read_table(artifacts.raw.users), pq.read_table(artifacts.raw.items)
    assert (interactions.num_rows, users.num_rows, items.num_rows) == (100_000, 943, 1_682)
    assert list(interactions.slice(0, 1).to_pylist()[0].values()) == [196, 242, 3, 881250949]
    films = {film["item_id"]: film for film in items.to_pylist()}
    assert films[50]["title"] == "Star Wars (1977)"
    assert films[172]["title"] == "The Empire Strikes Back (1980)"
    assert (films[267]["title"], films[267]["year"]) == ("unknown", None)
    assert (films[1412]["year"], films[1412]["genres"]) == (1995, ["Animation", "Children's"])
    assert sum(film["year"] is None for film in films.values()) == 1
