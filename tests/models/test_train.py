"""What ``train`` writes, and when it trains again."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)

from models.prepared import Arrays, PreparedData, cardinality, list_length
from models.train import train
from recipes.schema.recipe import Recipe
from runtime.safe_names import safe_name
from stages.artifacts import Artifacts
from stages.columns import POSITIVE
from stages.errors import ShortlistError
from tests.models import shop

NAMES = ("query_tower", "candidate_tower", "ranker")


def session(artifacts: Artifacts, name: str) -> onnxruntime.InferenceSession:
    path = str(artifacts.models.onnx(name))
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def fresh_rows(data: PreparedData, inputs: list[onnxruntime.NodeArg], rows: int = 50) -> Arrays:
    """Random codes over each column's whole range, padding and unknown included; random numbers."""
    random = np.random.default_rng(11)
    columns = {column.name: column for column in data.schema}
    made = {}
    for each in inputs:
        shape = (rows, each.shape[1])
        if each.type == "tensor(int64)":
            made[each.name] = random.integers(0, cardinality(columns[each.name]), shape)
        else:
            made[each.name] = random.normal(0, 2, shape).astype(np.float32)
    return made


def embeddings_of(artifacts: Artifacts) -> np.ndarray:
    return np.stack(pq.read_table(artifacts.models.item_embeddings)["embedding"].to_numpy())


@pytest.mark.parametrize("name", NAMES)
def test_saved_model_and_onnx_agree_on_fresh_rows(
    data: PreparedData, artifacts: Artifacts, name: str
) -> None:
    """Both load and give the same float32 [n, width] for rows that no training has seen."""
    opened = session(artifacts, name)
    rows = fresh_rows(data, opened.get_inputs())
    (from_onnx,) = opened.run(None, rows)
    served = tf.saved_model.load(str(artifacts.models.saved_model(name)))
    tensors = {column: tf.constant(values) for column, values in rows.items()}
    from_tensorflow = served.signatures["serving_default"](**tensors)["output"].numpy()
    assert from_onnx.dtype == np.float32
    assert from_onnx.shape == from_tensorflow.shape == (50, 1 if name == "ranker" else 8)
    assert np.abs(from_onnx - from_tensorflow).max() <= 1e-4
    assert len(np.unique(from_onnx[:, 0])) > 25
    if name == "ranker":
        assert ((from_onnx >= 0) & (from_onnx <= 1)).all()


@pytest.mark.parametrize("name", NAMES)
def test_onnx_inputs_are_named_by_feature(
    data: PreparedData, artifacts: Artifacts, name: str
) -> None:
    """Codes int64, numbers float32; scalars [N, 1], lists [N, L]; opset 17."""
    model = onnx.load(str(artifacts.models.onnx(name)))
    assert {each.domain: each.version for each in model.opset_import}[""] == 17
    found = {
        each.name: (each.type, each.shape[1]) for each in session(artifacts, name).get_inputs()
    }
    cross = dict.fromkeys(["retrieval_score", "popularity", "activity", "cooccurrence", "linear"])
    shown = {
        "query_tower": data.query_schema,
        "candidate_tower": data.candidate_schema,
        "ranker": data.schema,
    }[name]
    left_out = {"product_history", "bought_at", safe_name(POSITIVE)} if name == "ranker" else set()
    expected = {
        column.name: (
            "tensor(int64)" if column.int_domain else "tensor(float)",
            list_length(column) if column.is_list else 1,
        )
        for column in shown
        if column.name not in left_out
    }
    if name == "ranker":
        expected |= dict.fromkeys(cross, ("tensor(float)", 1))
    assert found == expected


def test_item_embeddings_are_the_candidate_towers_output(
    data: PreparedData, artifacts: Artifacts
) -> None:
    """They are what the ONNX candidate tower gives for the items table, in row order."""
    table = pq.read_table(artifacts.models.item_embeddings)
    assert table["item_row"].to_pylist() == list(range(data.item_count))
    opened = session(artifacts, "candidate_tower")
    rows = {
        each.name: data.items[each.name]
        .reshape(data.item_count, -1)
        .astype(np.int64 if each.type == "tensor(int64)" else np.float32)
        for each in opened.get_inputs()
    }
    found = embeddings_of(artifacts)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, opened.run(None, rows)[0], atol=1e-5)


def test_training_json_tells_what_happened(artifacts: Artifacts, recipe: Recipe) -> None:
    """Seed, the best epoch of each model with its figures, and the largest difference of ONNX."""
    figures = json.loads(artifacts.models.training.read_text())
    assert figures["seed"] == recipe.retriever.seed
    for model, figure in (("retriever", "recall_at_10"), ("ranker", "auc_within_users")):
        history = figures[model]["validation"]
        assert len(history) == 2
        assert all(np.isfinite(epoch["loss"]) and 0 <= epoch[figure] <= 1 for epoch in history)
        best = max(epoch[figure] for epoch in history)
        assert history[figures[model]["epochs"] - 1][figure] == best
    losses = [epoch["loss"] for epoch in figures["retriever"]["validation"]]
    assert losses[1] < losses[0]
    assert set(figures["onnx_max_difference"]) == set(NAMES)
    assert max(figures["onnx_max_difference"].values()) <= 1e-4
    assert figures["peak_mb"].keys() == figures["seconds"].keys()
    assert min(figures["peak_mb"].values()) > 100


@pytest.mark.parametrize("model", ["retriever", "ranker"])
def test_tensorboard_logs_and_checkpoint(artifacts: Artifacts, model: str) -> None:
    """Each epoch's loss and validation figure for TensorBoard; a checkpoint that TensorFlow reads."""
    events = EventAccumulator(str(artifacts.models.logs / model / "train"), {"tensors": 0})
    events.Reload()
    history = json.loads(artifacts.models.training.read_text())[model]["validation"]
    for figure, value in history[0].items():
        tag = f"epoch_{figure}"
        logged = [float(tf.make_ndarray(one.tensor_proto)) for one in events.Tensors(tag)]
        assert logged[0] == pytest.approx(value, rel=1e-5)
        assert len(logged) == 2
    assert tf.train.list_variables(str(artifacts.models.logs / model / "checkpoint" / "best"))


def test_the_ranker_keeps_its_best_epochs_weights(artifacts: Artifacts) -> None:
    """Every trained weight of the exported ranker is in the checkpoint of the best epoch."""
    checkpoint = tf.train.load_checkpoint(
        str(artifacts.models.logs / "ranker" / "checkpoint" / "best")
    )
    stored = [
        checkpoint.get_tensor(name)
        for name, dtype in checkpoint.get_variable_to_dtype_map().items()
        if dtype == tf.float32
    ]
    exported = tf.saved_model.load(str(artifacts.models.saved_model("ranker"))).weights
    compared = 0
    for weight in exported:
        value = weight.numpy()
        if weight.trainable and value.dtype == np.float32 and value.size > 1:
            compared += 1
            assert any(value.shape == other.shape and (value == other).all() for other in stored)
    assert compared >= 10


def test_models_that_are_up_to_date_are_kept(
    artifacts: Artifacts, recipe: Recipe, said: list[str]
) -> None:
    """A second `train` logs this and touches no file."""
    files = [path for path in artifacts.models.root.rglob("*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files}
    said.clear()
    train(recipe, artifacts, force=False)
    assert said == [f"{artifacts.models.root} is up to date"]
    after = [path for path in artifacts.models.root.rglob("*") if path.is_file()]
    assert {path: path.stat().st_mtime_ns for path in after} == before


@pytest.mark.parametrize(
    ("table", "changes"),
    [
        ("serving", {"generators": ("two-tower", "linear")}),
        ("linear", {"penalty": 3.0}),
        ("als", {"dim": 4}),
        ("training", {"memory": "1MB"}),
    ],
)
def test_other_sources_of_candidates_are_another_training(
    copied: Artifacts,
    recipe: Recipe,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    changes: dict[str, object],
) -> None:
    """The ranker learnt from other generators' candidates, so the models are not up to date."""

    def trains(*arguments: object, **options: object) -> None:
        raise InterruptedError("it trains")

    monkeypatch.setattr("models.training.order.train_all", trains)
    changed = recipe.model_copy(
        update={table: getattr(recipe, table).model_copy(update=dict(changes))}
    )
    with pytest.raises(Exception, match="it trains"):
        train(changed, copied, force=False)


def test_force_trains_again_and_the_seed_gives_the_same_model(
    copied: Artifacts, artifacts: Artifacts, recipe: Recipe, said: list[str]
) -> None:
    """Even up-to-date models are trained again: new files, but bit for bit the same item embeddings."""
    before = copied.models.stamp.stat().st_ino
    said.clear()
    train(recipe, copied, force=True)
    assert any("epoch 2" in line for line in said)
    assert "of memory" in said[0]  # what it needs, before anything is trained
    assert copied.models.stamp.stat().st_ino != before
    np.testing.assert_array_equal(embeddings_of(copied), embeddings_of(artifacts))
    figures, again = (json.loads(each.models.training.read_text()) for each in (artifacts, copied))
    assert figures["retriever"] == again["retriever"]
    assert not list(copied.root.glob(".models.*.tmp"))


def test_a_warm_start_begins_with_the_former_weights(
    copied: Artifacts, artifacts: Artifacts, recipe: Recipe
) -> None:
    """At a learning rate of nearly 0 a warm start keeps every model as it was; a fresh start does not."""
    still = {"learning_rate": 1e-12, "max_epochs": 1}
    frozen = recipe.model_copy(
        update={
            "retriever": recipe.retriever.model_copy(update=still),
            "ranker": recipe.ranker.model_copy(update=still),
        }
    )
    train(frozen, copied, force=False, warm_start=True)
    np.testing.assert_allclose(embeddings_of(copied), embeddings_of(artifacts), atol=1e-6)
    rows = {
        each.name: np.tile(np.arange(8).reshape(8, 1) % 3, each.shape[1]).astype(
            np.int64 if each.type == "tensor(int64)" else np.float32
        )
        for each in session(artifacts, "ranker").get_inputs()
    }
    former, continued = (session(one, "ranker").run(None, rows)[0] for one in (artifacts, copied))
    np.testing.assert_allclose(continued, former, atol=1e-5)
    train(frozen, copied, force=True)
    assert np.abs(embeddings_of(copied) - embeddings_of(artifacts)).max() > 0.01


def test_a_warm_start_needs_models_that_fit(
    copied: Artifacts, recipe: Recipe, tmp_path: Path
) -> None:
    """If there are none, the error names the command; if the width differs, it says so and they stay."""
    before = shop.contents(copied.models.root)
    options = recipe.retriever.model_copy(update={"embedding_dim": 4})
    narrower = recipe.model_copy(update={"retriever": options})
    with pytest.raises(ShortlistError, match=r"expected weights of .* 4\).* 8\).*--warm-start"):
        train(narrower, copied, force=False, warm_start=True)
    assert shop.contents(copied.models.root) == before
    shutil.rmtree(copied.models.root)
    with pytest.raises(ShortlistError, match="shortlist train two-tastes"):
        train(recipe, copied, force=False, warm_start=True)


def test_prepared_data_that_is_missing_names_its_command(tmp_path: Path, recipe: Recipe) -> None:
    """The error names the command that makes it."""
    with pytest.raises(ShortlistError, match="shortlist prepare two-tastes"):
        train(recipe, Artifacts(tmp_path / "empty"), force=False)


def test_a_loss_that_is_no_number_is_explained(copied: Artifacts, recipe: Recipe) -> None:
    """For a learning rate far too large the error says what to change, and the earlier models stay."""
    before = shop.contents(copied.models.root)
    options = recipe.retriever.model_copy(update={"learning_rate": 1e30})
    diverging = recipe.model_copy(update={"retriever": options})
    with pytest.raises(ShortlistError, match=r"finite loss, got (nan|inf).*\n?.*`learning_rate`"):
        train(diverging, copied, force=False)
    assert shop.contents(copied.models.root) == before
    assert not list(copied.root.glob(".models.*.tmp"))
