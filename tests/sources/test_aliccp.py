"""Ali-CCP: official files, Parquet files with their columns, or rows that Merlin generates."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipes.load import load
from recipes.schema.recipe import Recipe
from sources.datasets import aliccp
from sources.ingest import ingest
from sources.tables import RawTables
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.sources.samples import write


def _features(**values: int) -> str:
    """Features in the form of the files: number, value and weight; a name is ``f`` and the number."""
    return "\x01".join(f"{name[1:]}\x02{value}\x031.0" for name, value in values.items())


#: Synthetic customers 7 and 8; 8 lacks 129, and 109_14 has several values and is not read.
COMMON = (
    f"aa11,11,{_features(f101=7, f121=1, f122=2, f124=3, f125=4, f126=5, f127=6, f128=0, f129=9)}"
    "\x01109_14\x0255\x030.69\x01109_14\x0256\x032.5\n"
    f"bb22,8,{_features(f101=8, f121=11, f122=12, f124=1, f125=2, f126=1, f127=1, f128=1)}\n"
)
SKELETON = (
    f"1,0,0,aa11,6,{_features(f205=40, f206=4, f207=400, f210=44, f216=440, f301=2)}\n"
    f"2,1,1,bb22,6,{_features(f216=500, f210=55, f207=50, f206=5, f205=41, f301=1)}\n"
    f"3,1,0,aa11,5,{_features(f205=41, f206=6, f207=60, f210=66, f216=600)}\n"
)
SAMPLE = {
    "common_features_train.csv": COMMON.encode(),
    "sample_skeleton_train.csv": SKELETON.encode(),
}
TEST_PART = {
    "common_features_test.csv": f"aa11,1,{_features(f101=9)}\n".encode(),
    "sample_skeleton_test.csv": f"1,0,0,aa11,1,{_features(f205=42)}\n".encode(),
}


@pytest.fixture(autouse=True)
def _out_of_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SHORTLIST_DATA", raising=False)


def _read(folder: Path | None) -> RawTables:
    return aliccp.read(load("aliccp"), folder)


def _rows(**changed: list[object]) -> pa.Table:
    """Two rows with every column, int32 as Merlin writes them."""
    rows = {name: pa.array([1, 2], pa.int32()) for name in aliccp.COLUMNS}
    return pa.table(rows | changed)


def test_official_files_are_joined_by_the_key_of_common_features(tmp_path: Path) -> None:
    """A row is a shown item; an item's first row gives its features; missing features are 0."""
    read = _read(write(tmp_path, SAMPLE))
    assert read.interactions.in_memory().to_pydict() == {
        "user_id": [7, 8, 7],
        "item_id": [40, 41, 41],
        "click": [0, 1, 1],
        "conversion": [0, 1, 0],
    }
    assert read.users.in_memory().to_pylist() == [
        dict(zip(aliccp.USER, [7, 1, 2, 3, 4, 5, 6, 0, 9], strict=True)),
        dict(zip(aliccp.USER, [8, 11, 12, 1, 2, 1, 1, 1, 0], strict=True)),
    ]
    assert read.items.in_memory().to_pydict() == {
        "item_id": [40, 41],
        "item_category": [4, 5],
        "item_shop": [400, 50],
        "item_brand": [440, 500],
        "item_intention": [44, 55],
    }
    for table in (read.interactions, read.users, read.items):
        assert set(table.table.schema.types) == {pa.int64()}


@pytest.mark.parametrize("folder", ["", "aliccp", "aliccp/sample_train"])
def test_the_test_part_follows_and_has_its_own_common_features(tmp_path: Path, folder: str) -> None:
    """Both parts are read wherever they were unpacked; a key means a different user in each."""
    write(tmp_path / folder, SAMPLE | TEST_PART)
    read = _read(tmp_path)
    assert read.interactions.in_memory()["user_id"].to_pylist() == [7, 8, 7, 9]
    assert read.interactions.in_memory()["item_id"].to_pylist() == [40, 41, 41, 42]


def test_parquet_files_of_the_columns_will_do(tmp_path: Path) -> None:
    """Files are read in name order; columns may be in any order, extra, or int32."""
    pq.write_table(_rows(click=[0, 1]), tmp_path / "b.parquet")
    more = _rows(click=[1, 1], user_id=[5, 1]).append_column("position", [[3, 3]])
    pq.write_table(more.select(more.column_names[::-1]), tmp_path / "a.parquet")
    read = _read(tmp_path)
    assert read.interactions.in_memory().to_pydict() == {
        "user_id": [5, 1, 1, 2],
        "item_id": [1, 2, 1, 2],
        "click": [1, 1, 0, 1],
        "conversion": [1, 2, 1, 2],
    }
    assert read.users.in_memory()["user_id"].to_pylist() == [5, 1, 2]
    assert set(read.items.in_memory().schema.types) == {pa.int64()}


def test_the_recipe_takes_them(tmp_path: Path, said: list[str]) -> None:
    """The source returns the columns that the recipe names."""
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(load("aliccp"), artifacts, write(tmp_path / "aliccp", SAMPLE).parent)
    assert pq.read_table(artifacts.raw.interactions)["click"].to_pylist() == [0, 1, 1]
    assert said[-1].startswith("3 interactions, 2 users, 2 items in")


def _made_up(rows: int) -> Recipe:
    recipe = load("aliccp")
    return recipe.model_copy(update={"source": recipe.source.model_copy(update={"rows": rows})})


def test_rows_are_made_up_where_no_files_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    """Rows are logged as synthetic, are the same every time, and are replaced by files that appear later."""
    monkeypatch.setenv("SHORTLIST_DATA", str(tmp_path / "data"))
    recipe, artifacts = _made_up(500), Artifacts(tmp_path / "artifacts")
    ingest(recipe, artifacts, None)
    assert said[0] == (
        "no folder aliccp given: generating 500 SYNTHETIC rows (clicks are coin flips)"
    )
    first = pq.read_table(artifacts.raw.interactions)
    assert first.schema.names == ["user_id", "item_id", "click"]
    assert set(first.schema.types) == {pa.int64()}
    assert first.num_rows == 500
    # The generator is seeded: these are the rows on every machine.
    assert first["user_id"].to_pylist()[:6] == [33, 17, 38, 92, 15, 15]
    assert sum(first["click"].to_pylist()) == 234
    users, items = pq.read_table(artifacts.raw.users), pq.read_table(artifacts.raw.items)
    assert set(users["user_id"].to_pylist()) == set(first["user_id"].to_pylist())
    assert set(items["item_id"].to_pylist()) == set(first["item_id"].to_pylist())
    assert set(users["user_gender"].to_pylist()) <= {1, 2}

    ingest(recipe, artifacts, None)
    assert said[-1].endswith("is up to date")
    write(tmp_path / "data" / "aliccp", SAMPLE)
    ingest(recipe, artifacts, None)
    assert pq.read_table(artifacts.raw.interactions)["user_id"].to_pylist() == [7, 8, 7]


def test_a_catalogue_of_any_size_can_be_made_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nearly all of the requested items and users occur, the first items most often."""
    monkeypatch.delenv("SHORTLIST_DATA", raising=False)
    made_up = _made_up(4000)
    source = made_up.source.model_copy(update={"catalogue": 300})
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(made_up.model_copy(update={"source": source}), artifacts, None)
    rows = pq.read_table(artifacts.raw.interactions).to_pandas()
    for name in ("item_id", "user_id"):
        assert 290 <= rows[name].nunique() <= 300
        assert rows[name].between(0, 299).all()
    counts = rows["item_id"].value_counts()
    assert counts[counts.index < 30].sum() > 3 * counts[counts.index >= 270].sum()


def test_a_generator_that_fails_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here Python does not find its library: the message has its own error and a remedy."""
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(
        ShortlistError, match=r"expected 500 rows from .*, got an error: (?s:.+)encodings"
    ) as raised:
        aliccp.read(_made_up(500), None)
    assert "Lower source.rows" in str(raised.value)
    assert aliccp.ADDRESS in str(raised.value)
