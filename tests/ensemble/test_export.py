"""What an export writes, reuses and refuses."""

import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemble.in_process import served_in_process
from ensemble.releases import export as export_module
from ensemble.releases.export import export
from ensemble.releases.records import records_of
from ensemble.releases.repository import releases
from runtime import manifest, plan
from runtime.candidates.seen import unpacked
from runtime.stores.sqlite_store import SqliteFeatureStore
from stages.artifacts import Artifacts
from stages.columns import PLACE, POSITIVE
from stages.errors import ShortlistError
from tests.ensemble.synthetic import ITEMS, RECIPE
from tests.heard import heard


@pytest.fixture
def copied(artifacts: Artifacts, release: Path, tmp_path: Path) -> Artifacts:
    """The made-up recommender with its first release; tests may change it."""
    return Artifacts(Path(shutil.copytree(artifacts.root, tmp_path / "made-up")))


def _export(artifacts: Artifacts, force: bool = False) -> tuple[Path, list[str]]:
    with heard() as lines:
        return export(RECIPE, artifacts, force=force), lines


def contents(artifacts: Artifacts) -> dict[str, bytes]:
    """Every file of the model repository."""
    root = artifacts.model_repository
    files = [path for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def test_a_release_holds_all_it_needs(release: Path) -> None:
    """Models, index, arrays, vocabularies, ids, code, recipe and manifest are in the folder."""
    names = set(manifest.read(release)["files"])
    assert {
        "plan.json",
        "model.py",
        "query_tower.onnx",
        "ranker.onnx",
        "index.faiss",
        "item_ids.npy",
        "item_features/genres.npy",
        "encoding/vocabularies/user_id.json",
        "runtime/operators/rank.py",
        "recipe.json",
    } <= names
    assert json.loads((release / "recipe.json").read_text())["name"] == "made-up"


def test_the_manifest_says_what_the_release_is(release: Path) -> None:
    """Candidates, item index and library versions are in the manifest."""
    content = manifest.read(release)
    assert content["candidates"] == 50
    assert content["index"].pop("build_s") >= 0
    assert content["index"] == {"kind": "exact", "dimension": 8, "recall": 1.0}
    assert content["items"] == 400
    assert content["libraries"]["numpy"] == np.__version__
    assert content["evaluation"] is None


def test_no_file_of_a_release_is_a_pickle(release: Path) -> None:
    """No file unpickles, and no array needs pickle to load."""
    for path in release.rglob("*"):
        if path.suffix == ".npy":
            np.load(path, allow_pickle=False)
        elif path.is_file():
            with pytest.raises(Exception):  # noqa: B017, PT011 - each file fails in its own way
                pickle.loads(path.read_bytes())


def test_a_release_serves_without_merlin_tensorflow_or_pandas(
    release: Path, artifacts: Artifacts
) -> None:
    """The exported runtime answers in a separate process and imports nothing heavy."""
    code = f"""
import sys
sys.path.insert(0, {str(release)!r})
from pathlib import Path
from runtime import plan
from runtime.stores.sqlite_store import SqliteFeatureStore
store = SqliteFeatureStore(Path({str(artifacts.feature_store)!r}), read_only=True)
print(plan.load(Path({str(release)!r}), store).recommend(["1"]).item_ids.tolist())
heavy = {{"merlin", "tensorflow", "pandas", "dask", "nvtabular", "pydantic", "ensemble", "recipes"}}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        cwd="/",
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("[['")


def test_the_same_parts_make_no_second_release(copied: Artifacts) -> None:
    """A release that is up to date is kept, and a log line reports it."""
    release, lines = _export(copied)
    assert release.name == "1"
    assert any("up to date" in line for line in lines)
    assert len(releases(copied)) == 1


def test_force_makes_the_next_release(copied: Artifacts, release: Path) -> None:
    """The next version exists beside the first and gives the same answers."""
    second, _ = _export(copied, force=True)
    assert [path.name for path in releases(copied)] == ["1", "2"]
    store = SqliteFeatureStore(copied.feature_store, read_only=True)
    answers = [
        plan.load(path, store).recommend(["1"]).item_ids.tolist() for path in (release, second)
    ]
    assert answers[0] == answers[1]


def test_new_models_and_figures_make_the_next_release(copied: Artifacts) -> None:
    """A changed part is detected; evaluation figures go into the manifest."""
    copied.report.write_text(json.dumps({"ndcg": 0.5}))
    release, _ = _export(copied)
    assert release.name == "2"
    assert manifest.read(release)["evaluation"] == {"ndcg": 0.5}


def test_a_damaged_latest_release_is_replaced_by_a_new_one(copied: Artifacts) -> None:
    """A damaged release is never up to date: it stays, and the next one is made."""
    (copied.model_repository / "recommender" / "1" / "plan.json").write_text("{}")
    assert _export(copied)[0].name == "2"


def test_the_store_holds_the_training_part_oldest_first(
    artifacts: Artifacts, release: Path, store: SqliteFeatureStore
) -> None:
    """Interactions of train and valid, ordered by time; features as in the raw table."""
    raw = pq.read_table(artifacts.raw.interactions).to_pandas()
    record = store.get_many(["7"], records_of(release))[0]
    assert record is not None
    expected = raw[raw.user_id == 7].sort_values("time", kind="stable").item_id
    rows = unpacked(record.seen).tolist()
    assert len(rows) == len(set(rows)) > 10
    assert rows == [item - 1 for item in expected]
    assert list(record.interactions) == [str(item) for item in expected[-10:]], "the newest"
    assert record.earlier == len(rows) - 10
    users = pq.read_table(artifacts.raw.users).to_pylist()
    assert dict(record.features) == {name: users[6][name] for name in ("age", "gender", "income")}


def test_equal_times_keep_the_order_of_the_raw_table(copied: Artifacts) -> None:
    """The parts number their rows: equal times keep their order, and a repeated item is there twice."""
    rows = {"user_id": [1] * 5, "item_id": [40, 30, 20, 10, 40], "time": [5, 5, 5, 1, 5]}
    rows |= {POSITIVE: [True] * 5, PLACE: [1, 2, 3, 0, 4]}
    picked = {name: [values[place] for place in (0, 2)] for name, values in rows.items()}
    rest = {name: [values[place] for place in (1, 3, 4)] for name, values in rows.items()}
    for part, chosen in (("valid", picked), ("train", rest)):
        path = copied.prepared.raw_interactions(part) / "part_00000.parquet"
        pq.write_table(pa.table(chosen), path)
    version = records_of(_export(copied)[0])
    record = SqliteFeatureStore(copied.feature_store).get_many(["1"], version)[0]
    assert record is not None
    assert list(record.interactions) == ["10", "40", "30", "20", "40"]


@pytest.mark.parametrize(
    ("missing", "command"),
    [
        ("prepared/encoding/encoding.json", "prepare"),
        ("prepared/items.parquet", "prepare"),
        ("models/ranker/model.onnx", "train"),
        ("models/item_embeddings.parquet", "train"),
        ("models/candidate_arrays/popularity.npy", "train"),
    ],
)
def test_a_missing_part_names_the_command(copied: Artifacts, missing: str, command: str) -> None:
    """The error names the file and the command that makes it; no release appears."""
    (copied.root / missing).unlink()
    with pytest.raises(ShortlistError, match=rf"{missing}.*shortlist {command} made-up"):
        _export(copied, force=True)
    assert len(releases(copied)) == 1


def test_embeddings_of_other_items_are_refused(copied: Artifacts) -> None:
    """Fewer embeddings than items means that the models were trained on other data."""
    table = pq.read_table(copied.models.item_embeddings)
    pq.write_table(table.slice(0, 399), copied.models.item_embeddings)
    with pytest.raises(ShortlistError, match=r"400 items .* got 399.*shortlist train"):
        _export(copied)


def test_embeddings_that_are_not_finite_are_refused(copied: Artifacts) -> None:
    """The error says that the training diverged."""
    embeddings = [[float("nan")] * 8] * 400
    table = pa.table({"item_row": range(400), "embedding": embeddings})
    pq.write_table(table, copied.models.item_embeddings)
    with pytest.raises(ShortlistError, match="diverged"):
        _export(copied)


def test_a_ranker_that_wants_an_unknown_column_is_refused(copied: Artifacts) -> None:
    """The error names the column and the available ones."""
    path = copied.models.onnx("ranker")
    model = onnx.load(str(path))
    for node in model.graph.node:
        node.input[:] = ["shoe_size" if name == "price" else name for name in node.input]
    for each in model.graph.input:
        each.name = "shoe_size" if each.name == "price" else each.name
    onnx.save(model, str(path))
    with pytest.raises(ShortlistError, match=r"cooccurrence.*got 'shoe_size'"):
        _export(copied)


@pytest.mark.parametrize("full", ["the store", "an array", "the index"])
def test_a_full_disk_leaves_earlier_releases_as_they_were(
    artifacts: Artifacts, copied: Artifacts, full: str
) -> None:
    """If a file cannot grow, the error reports it; no partial release or temporary file stays."""
    largest_file = 1_000 if full == "the store" else 40_000
    if full == "an array":
        rows = np.zeros((ITEMS, 40), np.int32)
        np.save(copied.models.candidate_arrays / "neighbour_rows.npy", rows, allow_pickle=False)
    if full == "the index":
        wide = {"item_row": np.arange(ITEMS), "embedding": list(np.ones((ITEMS, 32), np.float32))}
        pq.write_table(pa.table(wide), copied.models.item_embeddings)
    before = contents(copied)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, limits[1]))
    try:
        with pytest.raises(ShortlistError, match=r"(?i)file too large|free disk space") as raised:
            _export(copied, force=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "`shortlist export made-up`" in str(raised.value)
    assert contents(copied) == before
    shutil.copytree(artifacts.models.root, copied.models.root, dirs_exist_ok=True)
    assert _export(copied, force=True)[0].name == "2"


def test_a_killed_export_leaves_earlier_releases_as_they_were(copied: Artifacts) -> None:
    """After SIGKILL just before the end, the first release still loads and the next export works."""
    code = f"""
import os, signal
from pathlib import Path
import ensemble.releases.build
from ensemble.releases.export import export
from stages.artifacts import Artifacts
from tests.ensemble.synthetic import RECIPE
ensemble.releases.build.manifest.seal = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
export(RECIPE, Artifacts(Path({str(copied.root)!r})), force=True)
"""
    root = Path(export_module.__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(root)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert ran.returncode == -9
    assert [path.name for path in releases(copied)] == ["1"]
    plan.load(releases(copied)[0], SqliteFeatureStore(copied.feature_store, read_only=True))
    assert _export(copied, force=True)[0].name == "2"
    hidden = [path for path in releases(copied)[0].parent.iterdir() if path.name.startswith(".")]
    assert hidden == []


def test_the_funnel_in_process_is_the_exported_one(artifacts: Artifacts, served: plan.Plan) -> None:
    """Evaluation runs the whole funnel before any export, with the same answers."""
    with served_in_process(RECIPE, artifacts) as funnel:
        mine, exported = (each.recommend(["1", "nobody"]) for each in (funnel, served))
    assert mine.item_ids.tolist() == exported.item_ids.tolist()
    assert mine.scores.tobytes() == exported.scores.tobytes()


def test_a_store_that_is_no_store_is_named(copied: Artifacts) -> None:
    """The error names the damaged store file and the remedy."""
    for path in copied.root.glob("feature_store.sqlite*"):
        path.unlink()
    copied.feature_store.write_bytes(b"rubbish" * 1000)
    with pytest.raises(ShortlistError, match=r"feature_store\.sqlite.*Delete the file"):
        _export(copied)
