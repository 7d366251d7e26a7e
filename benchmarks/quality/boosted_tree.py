"""A boosted tree in place of the ranker: the same candidates and inputs (LightGBM's lambdarank)."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from merlin.schema import Tags

from benchmarks.console import say
from metrics import ranking
from models.prepared import PreparedData, cardinality
from models.rankers.inputs_schema import ranker_schema
from models.training.candidate_rows import CandidateRows, all_of, candidate_rows
from models.training.fitting import Logs
from models.training.order import candidates_to_learn_from, retrieval_of
from models.training.retriever_training import final_retriever, first_retriever
from recipes.schema.recipe import Recipe

SETTINGS: dict[str, Any] = {
    "objective": "lambdarank",
    "lambdarank_truncation_level": 30,
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 200,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.7,
    "bagging_freq": 1,
    "lambda_l2": 10.0,
    "verbose": -1,
}
ROUNDS = 200


def boosted_figures(recipe: Recipe, data: PreparedData, k: int) -> dict[str, dict[str, float]]:
    """Metrics at k of the ``boosted tree``, on the test part.

    It trains on every candidate that the DLRM learns from, including those of its early-stopping users.
    """
    import lightgbm

    say(f"boosted tree, seed {recipe.ranker.seed}: computing the retrievers' candidates")
    train, valid = data.interactions("train"), data.interactions("valid")
    visible, test = data.interactions("train", "valid"), data.interactions("test")
    with tempfile.TemporaryDirectory(prefix="shortlist-") as folder:
        logs, figures = Logs(Path(folder)), dict[str, Any]()
        first, epochs = first_retriever(recipe, data, train, valid, logs, figures)
        parts = candidates_to_learn_from(recipe, data, first, train, valid, visible, epochs, logs)
        final = final_retriever(recipe, data, train, visible, logs, epochs, figures)
    retrieval = retrieval_of(recipe, data, final, visible)
    shown = all_of([each for part in parts for each in part])
    asked = candidate_rows(recipe, data, retrieval, test)
    order = np.argsort(shown.lists, kind="stable")
    sizes = np.unique(shown.lists, return_counts=True)[1]
    rows = lightgbm.Dataset(_inputs(recipe, data, shown)[order], shown.relevant[order], group=sizes)
    tree = lightgbm.train(SETTINGS | {"seed": recipe.ranker.seed}, rows, ROUNDS)
    scores = np.asarray(tree.predict(_inputs(recipe, data, asked)))
    users = np.unique(asked.users)
    wanted = test.by_user(data.user_count)
    item_rows = _item_rows(data, asked)
    lists = np.full((len(users), k), -1, np.int64)
    for place, user in enumerate(users):
        own = np.flatnonzero(asked.users == user)
        best = own[np.lexsort((item_rows[own], -scores[own]))][:k]
        lists[place, : len(best)] = item_rows[best]
    relevant = [np.unique(wanted[user]) for user in users]
    return {"boosted tree": ranking.at_each_k(lists, relevant, (k,))}


def _inputs(recipe: Recipe, data: PreparedData, rows: CandidateRows) -> np.ndarray:
    """The ranker's inputs side by side, [n, inputs]: a code as a number, a list as one column per code."""
    schema = ranker_schema(data, recipe.ranker, list(rows.ranker_features())).excluding_by_tag(
        Tags.TARGET
    )
    columns = []
    for column in schema:
        values = rows.columns[column.name]
        if values.ndim == 1:
            columns.append(values)
            continue
        codes = np.arange(1, cardinality(column))
        columns += [(values == code).any(axis=1) for code in codes]
    return np.stack([values.astype(np.float32) for values in columns], axis=1)


def _item_rows(data: PreparedData, rows: CandidateRows) -> np.ndarray:
    """The item row of each candidate; items without their own code cannot be told apart."""
    codes = data.items[data.item_id.name]
    row_of = np.zeros(int(codes.max()) + 1, np.int64)
    row_of[codes] = np.arange(len(codes))
    return row_of[rows.columns[data.item_id.name]]
