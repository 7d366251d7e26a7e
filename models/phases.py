"""Training in two phases.

1. On ``train`` alone: the retriever, stopped early on ``valid``. What it retrieves, labelled by ``valid``,
   is what the ranker learns from: the retriever has not seen those labels, as in service.
2. On ``train`` and ``valid``: the retriever once more, for as many epochs as were best before. This is
   the one that is served.
"""

import workflows.merlin_compat  # noqa: F401  isort: skip

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf
from merlin.schema import Schema, Tags

from models import candidates
from models.batches import Batches, read_columns
from models.candidate_rows import (
    CandidateRows,
    candidate_rows,
    cross_feature_arrays,
    unknown_user_rows,
)
from models.fitting import Validation, fit
from models.onnx_export import export
from models.prepared import Arrays, Interactions, PreparedData
from models.ranker import auc_within_users, build_ranker, ranker_schema
from models.retriever import TwoTower, build_two_tower
from recipes.artifacts import Models, Prepared
from recipes.errors import ShortlistError
from recipes.recipe import Ranker, Recipe

Say = Callable[[str], None]

#: How many answers the validation recall looks at.
VALIDATION_K = 10
#: Share of the ranker's users that it is validated on.
RANKER_VALIDATION = 0.2
#: Every so many users also train the ranker as if nobody knew them.
UNKNOWN_EVERY = 8
#: Rows on which ONNX is compared with TensorFlow.
SAMPLE_ROWS = 1000


def train_both(recipe: Recipe, prepared: Prepared, models: Models, say: Say) -> None:
    """Train retriever and ranker and write everything that ``models`` names."""
    data = PreparedData(prepared)
    train, valid = data.interactions("train"), data.interactions("valid")
    if len(train) < 2:
        raise ShortlistError(
            f"expected at least 2 interactions in the training part, found {len(train)}: an item is "
            "learnt against those of other interactions. Give more, or lower split.test and valid."
        )
    figures: dict[str, Any] = {"seed": recipe.retriever.seed}

    retriever, best = _first_retriever(recipe, data, train, valid, models.logs, figures, say)
    items, candidates_each = retriever.embed_items(data.items), recipe.serving.candidates
    queries = retriever.embed_queries(data.queries(train))
    arrays = cross_feature_arrays(data, train)
    rows = candidate_rows(data, queries, items, train, valid, candidates_each, arrays)
    say(f"ranker: {len(rows.relevant):,} candidates, {int(rows.relevant.sum()):,} of them relevant")
    query = retriever.embed_queries(data.unknown_user)
    as_unknown = np.unique(rows.users)[::UNKNOWN_EVERY]
    unknown = unknown_user_rows(data, query, items, valid, candidates_each, arrays, as_unknown)
    ranker = _ranker(recipe, data, rows, unknown, models.logs, figures, say)

    everything = train + valid
    say(f"retriever: once more on train and valid, {best} epochs")
    retriever = _fitted(recipe, data, everything, ["train", "valid"], models.logs, best)
    _write(recipe, data, retriever, ranker, rows, everything, models, figures, say)


def _first_retriever(
    recipe: Recipe,
    data: PreparedData,
    train: Interactions,
    valid: Interactions,
    logs: Path,
    figures: dict[str, Any],
    say: Say,
) -> tuple[TwoTower, int]:
    """Train on ``train`` with early stopping on ``valid``; also returns the best number of epochs."""
    tf.keras.utils.set_random_seed(recipe.retriever.seed)
    batches = _batches(recipe, data, ["train"])
    retriever = _two_tower(recipe, data, train, len(batches))
    queries = data.queries(train)
    seen = train.by_user(data.user_count)
    relevant = valid.by_user(data.user_count)

    def recall() -> float:
        vectors, items = retriever.embed_queries(queries), retriever.embed_items(data.items)
        found, _ = candidates.retrieve(vectors, items, seen, VALIDATION_K)
        return candidates.recall(found, relevant)

    validation = Validation(f"recall_at_{VALIDATION_K}", recall, say, "retriever")
    best = fit(
        retriever.model,
        batches,
        epochs=recipe.retriever.max_epochs,
        logs=logs / "retriever",
        validation=validation,
        patience=recipe.retriever.patience,
    )
    figures["retriever"] = {"epochs": best, "validation": validation.history}
    return retriever, best


def _fitted(
    recipe: Recipe,
    data: PreparedData,
    visible: Interactions,
    parts: list[str],
    logs: Path,
    epochs: int,
) -> TwoTower:
    """A retriever trained on ``parts`` for a known number of epochs."""
    tf.keras.utils.set_random_seed(recipe.retriever.seed)
    batches = _batches(recipe, data, parts)
    retriever = _two_tower(recipe, data, visible, len(batches))
    fit(retriever.model, batches, epochs=epochs, logs=logs / "retriever-final")
    return retriever


def _batches(recipe: Recipe, data: PreparedData, parts: list[str]) -> Batches:
    schema = Schema([*data.query_schema, *data.candidate_schema])
    columns = read_columns([data.files.interactions(part) for part in parts], schema)
    options = recipe.retriever
    return Batches(columns, options.batch_size, options.seed, whole_batches=True)


def _two_tower(
    recipe: Recipe, data: PreparedData, visible: Interactions, steps_per_epoch: int
) -> TwoTower:
    steps = steps_per_epoch * recipe.retriever.max_epochs
    return build_two_tower(data, recipe.retriever, data.item_counts(visible), steps)


def _ranker(
    recipe: Recipe,
    data: PreparedData,
    rows: CandidateRows,
    unknown: CandidateRows,
    logs: Path,
    figures: dict[str, Any],
    say: Say,
) -> tf.keras.Model:
    """A DLRM trained on the candidates of most users, stopped early on those of the others.

    ``unknown``: rows of some users as if nobody knew them, to train on beside their own.
    """
    options = recipe.ranker
    tf.keras.utils.set_random_seed(options.seed)
    users = np.random.default_rng(options.seed).permutation(np.unique(rows.users))
    held_out = users[: max(1, int(len(users) * RANKER_VALIDATION))]
    # A single user is both, for want of another.
    others = users[len(held_out) :] if len(users) > 1 else users
    shown = rows.of_users(others) + unknown.of_users(others)
    hidden = rows.of_users(held_out)
    inputs = _ranker_inputs(shown, data, options)
    batches = Batches(inputs, options.batch_size, options.seed, target=shown.relevant)
    numbers = {name: column for name, column in inputs.items() if column.dtype.kind == "f"}
    ranker = build_ranker(data, options, numbers, len(batches) * options.max_epochs)
    hidden_inputs = _ranker_inputs(hidden, data, options)

    def auc() -> float:
        scores = ranker.predict(hidden_inputs, 8192, verbose=0).ravel()
        return auc_within_users(scores, hidden.relevant, hidden.users)

    validation = Validation("auc_within_users", auc, say, "ranker")
    best = fit(
        ranker,
        batches,
        epochs=options.max_epochs,
        logs=logs / "ranker",
        validation=validation,
        patience=options.patience,
    )
    figures["ranker"] = {"epochs": best, "validation": validation.history}
    return ranker


def _ranker_inputs(rows: CandidateRows, data: PreparedData, options: Ranker) -> Arrays:
    schema = ranker_schema(data, options, list(rows.numbers()))
    names = schema.excluding_by_tag(Tags.TARGET).column_names
    return {name: rows.columns[name] for name in names}


def _write(
    recipe: Recipe,
    data: PreparedData,
    retriever: TwoTower,
    ranker: tf.keras.Model,
    rows: CandidateRows,
    visible: Interactions,
    models: Models,
    figures: dict[str, Any],
    say: Say,
) -> None:
    """SavedModels, ONNX, item embeddings, cross feature arrays and the training's figures."""
    say("exporting query tower, candidate tower and ranker to ONNX")
    queries = data.queries(visible, np.arange(min(SAMPLE_ROWS, data.user_count)))
    items = {name: column[:SAMPLE_ROWS] for name, column in data.items.items()}
    candidates_seen = _ranker_inputs(rows, data, recipe.ranker)
    inputs = {name: column[:SAMPLE_ROWS] for name, column in candidates_seen.items()}
    differences = {
        name: export(model, sample, models.saved_model(name), models.onnx(name))
        for name, model, sample in (
            ("query_tower", retriever.query_tower, queries),
            ("candidate_tower", retriever.candidate_tower, items),
            ("ranker", ranker, inputs),
        )
    }
    figures["onnx_max_difference"] = differences
    embeddings = retriever.embed_items(data.items)
    table = {
        "item_row": np.arange(len(embeddings)),
        "embedding": pa.array(list(embeddings), pa.list_(pa.float32())),
    }
    pq.write_table(pa.table(table), models.item_embeddings)
    models.cross_features.mkdir()
    for name, array in cross_feature_arrays(data, visible).items():
        np.save(models.cross_features / name, array, allow_pickle=False)
    models.training.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
