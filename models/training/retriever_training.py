"""Training of the two-tower model, whatever its head: first with early stopping, then again on all data.

No data are left to validate the second training, whose model is served, so it is compared with the first
(``watched``).
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from metrics import ranking
from models.distributed.collectives import from_chief
from models.hidden_items import hidden_items
from models.prepared import Interactions, PreparedData
from models.retrievers import head
from models.retrievers.two_tower import TwoTower
from models.training.fitting import WEIGHTS, Logs, Validation, Watch, fit, with_weights
from recipes.schema.recipe import Recipe
from recipes.schema.retrievers import Trained
from runtime.candidates.item_index import exact_search
from stages.log import logger

log = logger(__name__)

Model = TypeVar("Model")

#: The cutoff k of the validation recall.
VALIDATION_K = 10
#: The most users that it is measured on, drawn anew for each training with its seed.
VALIDATION_USERS = 10_000
#: A second training has failed if its model knows its own training part less well than this share of what
#: the first knows of its own.
LEAST_SHARE = 0.9
#: Added to the seed of a second training that is repeated.
OTHER_SEED = 1_000


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
    retriever, batches = _untrained(recipe.retriever, data, train, ["train"])
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
    figures["retriever"]["learnt"] = training_ndcg(recipe, data, retriever, train)
    return retriever, best


def final_retriever(
    recipe: Recipe,
    data: PreparedData,
    train: Interactions,
    visible: Interactions,
    logs: Logs,
    epochs: int,
    figures: dict[str, Any],
) -> TwoTower:
    """Train a retriever on ``visible``, all of ``train`` and ``valid``, for a given number of epochs.

    It is ``watched``. ``figures``: those of ``first_retriever``.
    """

    def again(options: Trained, logs: Logs) -> TwoTower:
        retriever, batches = _untrained(options, data, visible, ["train", "valid"])
        fit(retriever.model, batches, epochs=epochs, logs=logs)
        return retriever

    def first(weights: Logs) -> TwoTower:
        retriever, batches = _untrained(recipe.retriever, data, train, ["train"])
        with_weights(retriever.model, batches, weights)
        return retriever

    return watched(
        "retriever",
        recipe.retriever,
        logs,
        figures["retriever"],
        again=again,
        first=first,
        learnt=lambda retriever: training_ndcg(recipe, data, retriever, visible),
    )


def watched(
    name: str,
    options: Trained,
    logs: Logs,
    figures: dict[str, Any],
    *,
    again: Callable[[Trained, Logs], Model],
    first: Callable[[Logs], Model],
    learnt: Callable[[Model], float],
    least_share: float = LEAST_SHARE,
) -> Model:
    """The model of a second training, unless it learnt clearly less than that of the first.

    A failed training is repeated once with another seed; if that fails too, the first model is kept.
    ``again`` trains with the seed of its options; ``first`` reads the first model from the logs of its
    training; ``learnt``: how well a model knows the part that the second training had, the higher the better;
    ``least_share``: of the first model's figure, below which a training has failed.

    ``figures["learnt"]`` is the same of the first model and its part. The figures of the attempts go to
    ``figures["final_learnt"]``, and which model was kept to ``figures["kept"]``: "final", "final, other
    seed" or "first".
    """
    own, further = logs.of(f"{name}-final"), logs.of(f"{name}-final-again")
    other = options.model_copy(update={"seed": options.seed + OTHER_SEED})
    # A warm start would begin the further attempt with the same weights.
    attempts = {
        "final": (options, own),
        "final, other seed": (other, replace(further, former=None)),
    }
    found = figures["final_learnt"] = []
    for kept, (settings, to) in attempts.items():
        model = again(settings, to)
        found.append(learnt(model))
        if found[-1] >= least_share * figures["learnt"]:
            figures["kept"] = kept
            break
        log.warning(
            f"{name}: the second training, with seed {settings.seed}, knows its data less well than the "
            f"first: {found[-1]:.4f} after {figures['learnt']:.4f}"
        )
        del model
    else:
        log.warning(
            f"{name}: keeping the first model, which has not seen the valid part. A lower learning rate "
            "makes training more stable"
        )
        figures["kept"], to = "first", logs.of(name)
        model = first(to)
    if to is not own and own.folder is not None and to.folder is not None:
        shutil.copyfile(to.folder / WEIGHTS, own.folder / WEIGHTS)  # for a later warm start
    return model


def training_ndcg(
    recipe: Recipe, data: PreparedData, retriever: TwoTower, visible: Interactions
) -> float:
    """NDCG of the users' own items in ``visible``, on which the retriever was trained; nothing is hidden.

    It says how well the training went: two of the same kind on similar data reach about the same.
    """

    def measure() -> float:
        users = validation_users(visible, recipe.retriever.seed)
        vectors = retriever.embed_queries(data.queries(visible, users))
        items = retriever.embed_items(data.items)
        nothing = [np.zeros(0, np.int64)] * len(users)
        found, _ = exact_search(items, vectors, VALIDATION_K, nothing, absolute=retriever.absolute)
        wanted = [np.unique(items) for items in visible.by_user(users)]
        return float(ranking.ndcg(found, wanted, VALIDATION_K).mean())

    return from_chief(measure)


def fold_retriever(
    recipe: Recipe,
    data: PreparedData,
    visible: Interactions,
    logs: Logs,
    epochs: int,
    fold: int,
) -> TwoTower:
    """As ``final_retriever``, but on any interactions; for heads whose rows are users, not interactions."""
    retriever, batches = _untrained(recipe.retriever, data, visible, None)
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
    options: Trained, data: PreparedData, visible: Interactions, parts: list[str] | None
) -> tuple[TwoTower, Any]:
    """A new model and its training batches: of ``parts``, or without them of ``visible``."""
    tf.keras.utils.set_random_seed(options.seed)
    module = head(options.kind)
    if parts is None:
        batches = module.batches_of(data, options, visible)
    else:
        batches = module.batches(data, options, parts)
    steps = len(batches) * options.max_epochs
    return module.build(data, options, visible, steps), batches
