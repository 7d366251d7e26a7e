"""Two heads over shared towers: each loss by hand, the effect of a weight of 0, and the training."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from models.prepared import PreparedData
from models.train import train
from models.training import joint
from models.training.fitting import WEIGHTS, Logs
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.columns import POSITIVE
from tests.models import rated_shop

JOINT = {"batch_size": 64, "learning_rate": 0.02, "max_epochs": 4, "patience": 2, "plateau": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Artifacts]:
    folder = tmp_path_factory.mktemp("joint")
    recipe, artifacts = rated_shop.prepared(folder)
    content = recipe.model_dump()
    content["joint"] = JOINT
    content["retriever"] = {"embedding_dim": 8, "layers": [8], "cross_layers": 1}
    content["ranker"] = {"target": "label", "top_layers": [8]}
    changed = Recipe.model_validate(content, strict=False)
    train(changed, artifacts, force=False)
    return changed, artifacts


def test_the_loss_is_the_weighted_sum_of_both_heads(made: tuple[Recipe, Artifacts]) -> None:
    """By hand from the towers' vectors: softmax over the batch for positives, squared error for all."""
    recipe, artifacts = made
    data = PreparedData(artifacts.prepared)
    model = joint._untrained(recipe, data, ["train"])
    columns = joint._batches(recipe, data, ["train"])[0][0]
    found = float(model(columns))
    query = model.rating.query_tower(columns).numpy()
    item = model.rating.candidate_tower(columns).numpy()
    codes, positive = columns["product"], columns[POSITIVE]
    logits = query @ item.T - model.log_q.numpy()[codes]
    losses = []
    for row in np.flatnonzero(positive):
        others = (codes != codes[row]) | (np.arange(64) == row)
        losses.append(np.log(np.exp(logits[row][others]).sum()) - logits[row][row])
    retrieval = np.mean(losses) / np.log(64)
    labels = data.labelled("train").label
    error = np.square(columns[joint.LABEL] - model.rating(columns).numpy().ravel()).mean()
    assert found == pytest.approx(0.5 * retrieval + 0.5 * error / labels.var(), rel=1e-3)


@pytest.mark.parametrize(
    ("weights", "idle"), [((1.0, 0.0), "the rating head"), ((0.0, 1.0), "nothing")]
)
def test_a_weight_of_zero_leaves_a_head_as_it_was(
    made: tuple[Recipe, Artifacts], weights: tuple[float, float], idle: str
) -> None:
    """Without a rating loss the head's own weights stay; the towers learn either way."""
    recipe, artifacts = made
    assert recipe.joint is not None
    changed = {"retrieval_weight": weights[0], "rating_weight": weights[1]}
    single = recipe.model_copy(update={"joint": recipe.joint.model_copy(update=changed)})
    data = PreparedData(artifacts.prepared)
    model = joint._untrained(single, data, ["train"])
    batches = joint._batches(single, data, ["train"])
    model.rating(batches[0][0])
    head = [weight.numpy() for weight in model.rating.hidden.weights]
    tower = [weight.numpy() for weight in model.rating.query_tower.trainable_weights]
    model.fit(batches, epochs=1, verbose=0)
    same = [
        np.array_equal(before, after.numpy())
        for before, after in zip(head, model.rating.hidden.weights, strict=True)
    ]
    assert all(same) == (idle == "the rating head")
    after = model.rating.query_tower.trainable_weights
    assert any((one != two.numpy()).any() for one, two in zip(tower, after, strict=True))


def test_both_heads_learn_and_the_learning_rate_falls_on_a_plateau(
    made: tuple[Recipe, Artifacts],
) -> None:
    """Both heads have figures for each epoch; the learning rate either stays or halves."""
    figures = json.loads(made[1].models.training.read_text())["joint"]
    history = figures["validation"]
    assert {"loss", "validation_loss", "rmse", "recall_at_10"} == set(history[0])
    best = min(epoch["validation_loss"] for epoch in history)
    assert history[figures["epochs"] - 1]["validation_loss"] == best
    assert best < history[0]["validation_loss"]
    rates = np.array(figures["rates"])
    assert rates[0] == pytest.approx(0.02)
    kept, halved = (np.isclose(rates[1:], rates[:-1] * factor) for factor in (1, 0.5))
    assert (kept | halved).all()
    assert figures["kept"] == "final"
    assert figures["final_learnt"][0] >= joint.LEAST_SHARE * figures["learnt"] > 0.7
    assert made[1].models.learning_curves.stat().st_size > 5000


def test_the_first_model_is_served_if_the_second_never_comes_close(
    made: tuple[Recipe, Artifacts], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No second training can learn a hundred times as much; the weights are those of the first."""
    recipe, artifacts = made
    monkeypatch.setattr(joint, "LEAST_SHARE", 100.0)
    figures = dict[str, Any]()
    data = PreparedData(artifacts.prepared)
    two_tower, rating = joint.train_joint(recipe, data, Logs(tmp_path), figures)
    assert (figures["joint"]["kept"], len(figures["joint"]["final_learnt"])) == ("first", 2)
    with np.load(tmp_path / "joint" / WEIGHTS) as file:
        stored = [file[name] for name in file.files]
    for found, expected in zip(two_tower.model.get_weights(), stored, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert rating is two_tower.model.rating


def test_saved_and_loaded_weights_give_the_same_answers(made: tuple[Recipe, Artifacts]) -> None:
    """SavedModel and ONNX of ranker and towers agree, and the item embeddings are the tower's."""
    models = made[1].models
    data = PreparedData(made[1].prepared)
    rows = data.queries(data.interactions("train"), np.arange(30))
    rows |= {name: column[:30] for name, column in data.items.items()}
    for name in ("query_tower", "candidate_tower", "ranker"):
        session = onnxruntime.InferenceSession(str(models.onnx(name)))
        fed = {
            each.name: rows[each.name]
            .reshape(30, -1)
            .astype(np.int64 if each.type == "tensor(int64)" else np.float32)
            for each in session.get_inputs()
        }
        served = tf.saved_model.load(str(models.saved_model(name))).signatures["serving_default"]
        wanted = served.structured_input_signature[1]
        loaded = served(**{key: tf.constant(fed[key]) for key in wanted})["output"].numpy()
        answered = session.run(None, fed)[0]
        np.testing.assert_allclose(loaded, answered, atol=1e-4)
        assert np.std(answered[:, 0]) > 0
        if name == "candidate_tower":
            stored = np.stack(pq.read_table(models.item_embeddings)["embedding"].to_numpy())
            np.testing.assert_allclose(stored[:30], answered, atol=1e-4)


def test_a_warm_start_goes_on_with_both_heads(
    made: tuple[Recipe, Artifacts], tmp_path: Path
) -> None:
    """At a learning rate of nearly 0, a warm start keeps the item embeddings."""
    from tests.models import shop

    recipe, artifacts = made
    assert recipe.joint is not None
    copied = shop.copied(artifacts, tmp_path / "copy")
    still = recipe.joint.model_copy(update={"learning_rate": 1e-12, "max_epochs": 1})
    frozen = recipe.model_copy(update={"joint": still})
    train(frozen, copied, force=False, warm_start=True)
    tables = [pq.read_table(one.models.item_embeddings) for one in (artifacts, copied)]
    before, after = (np.stack(table["embedding"].to_numpy()) for table in tables)
    np.testing.assert_allclose(after, before, atol=1e-6)
