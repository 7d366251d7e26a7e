"""Training of the two-tower model, whatever its head: first with early stopping, then again on all data."""

from typing import Any

import numpy as np
import tensorflow as tf

from metrics import ranking
from models.hidden_items import hidden_items
from models.prepared import Interactions, PreparedData
from models.retrievers import head
from models.retrievers.two_tower import TwoTower
from models.training.fitting import Logs, Validation, Watch, fit
from recipes.schema.recipe import Recipe
from runtime.candidates.item_index import exact_search

#: The cutoff k of the validation recall.
VALIDATION_K = 10
#: The most users that it is measured on, drawn anew for each training with its seed.
VALIDATION_USERS = 10_000


def first_retriever(
    recipe: Recipe,
    data: PreparedData,
    train: Interactions,
    valid: Interactions,
    logs: Logs,
    figures: dict[str, Any],
    watch: Watch | None = None,
) -> tuple[TwoTower, int]:
    """Train on ``train`` with early stopping on ``valid``; also return the best number of epochs.

    ``watch``: as in ``Validation``.
    """
    retriever, batches = _untrained(recipe, data, train, ["train"])
    users = validation_users(valid, recipe.retriever.seed)
    queries = data.queries(train, users)
    hidden = hidden_items(data.seen_beside(train, valid), recipe.serving.exclude, users)
    wanted = [np.unique(items) for items in valid.by_user(users)]

    def recall() -> float:
        vectors, items = retriever.embed_queries(queries), retriever.embed_items(data.items)
        found, _ = exact_search(items, vectors, VALIDATION_K, hidden, absolute=retriever.absolute)
        return float(ranking.recall(found, wanted, VALIDATION_K).mean()) if wanted else 0.0

    validation = Validation(
        f"recall_at_{VALIDATION_K}",
        recall,
        "retriever",
        watch=watch,
        every=recipe.retriever.log_every,
    )
    best = fit(
        retriever.model,
        batches,
        epochs=recipe.retriever.max_epochs,
        logs=logs.of("retriever"),
        validation=validation,
        patience=recipe.retriever.patience,
    )
    figures["retriever"] = {"epochs": best, **validation.figures}
    return retriever, best


def final_retriever(
    recipe: Recipe, data: PreparedData, visible: Interactions, logs: Logs, epochs: int
) -> TwoTower:
    """Train a retriever on ``visible``, all of ``train`` and ``valid``, for a given number of epochs."""
    retriever, batches = _untrained(recipe, data, visible, ["train", "valid"])
    fit(retriever.model, batches, epochs=epochs, logs=logs.of("retriever-final"))
    return retriever


def fold_retriever(
    recipe: Recipe,
    data: PreparedData,
    visible: Interactions,
    logs: Logs,
    epochs: int,
    fold: int,
) -> TwoTower:
    """As ``final_retriever``, but on any interactions; for heads whose rows are users, not interactions."""
    retriever, batches = _untrained(recipe, data, visible, None)
    fit(retriever.model, batches, epochs=epochs, logs=logs.of(f"retriever-fold-{fold + 1}"))
    return retriever


def validation_users(relevant: Interactions, seed: int) -> np.ndarray:
    """Rows of users with a relevant item, ascending: all, or ``VALIDATION_USERS`` of them at random."""
    return drawn_users(relevant, VALIDATION_USERS, seed)


def drawn_users(relevant: Interactions, most: int, seed: int) -> np.ndarray:
    """Rows of users with a relevant item, int64 ascending: all, or ``most`` of them at random."""
    users = np.unique(relevant.users)
    if len(users) <= most:
        return users
    return np.sort(np.random.default_rng(seed).choice(users, most, replace=False))


def _untrained(
    recipe: Recipe, data: PreparedData, visible: Interactions, parts: list[str] | None
) -> tuple[TwoTower, Any]:
    """A new model and its training batches: of ``parts``, or without them of ``visible``."""
    options = recipe.retriever
    tf.keras.utils.set_random_seed(options.seed)
    module = head(options.kind)
    if parts is None:
        batches = module.batches_of(data, options, visible)
    else:
        batches = module.batches(data, options, parts)
    steps = len(batches) * options.max_epochs
    return module.build(data, options, visible, steps), batches
