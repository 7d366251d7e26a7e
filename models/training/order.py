"""The order of the trainings.

1. On ``train`` alone: the retriever, with early stopping on ``valid``. A ranker of candidates learns from
   what this retriever retrieves, labelled by ``valid``: the retriever has not seen those labels, as in
   service. With ``ranker.folds`` this is repeated with other shares of both parts held out, to give the
   ranker more to learn from.
2. On ``train`` and ``valid``: the retriever again, for the number of epochs that was best in the first
   phase. This one is served, unless it learnt clearly less than the first
   (``models.training.retriever_training.watched``). A ranker of interactions goes through the same two
   phases on its own.

A recipe with a ``[joint]`` table trains both at once instead (``models.training.joint``).
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from models.distributed.workers import several
from models.export.writing import Trained
from models.forecast import Sizes, forecast
from models.item_models.arrays import candidate_arrays
from models.prepared import Arrays, Interactions, PreparedData
from models.retrievers.two_tower import TwoTower
from models.training.candidate_rows import (
    CandidateRows,
    Retrieval,
    candidate_rows,
    unknown_user_rows,
)
from models.training.fitting import Logs
from models.training.ranker_training import (
    UNKNOWN_EVERY,
    TrainedRanker,
    on_candidates,
    on_interactions,
)
from models.training.retriever_training import (
    drawn_users,
    final_retriever,
    first_retriever,
    fold_retriever,
)
from models.training.timing import timed
from recipes.schema.recipe import Recipe
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

#: Computes the arrays of a recipe's item models from visible interactions, as ``candidate_arrays`` does.
ItemModels = Callable[[Recipe, PreparedData, Interactions], Arrays]


def train_all(recipe: Recipe, data: PreparedData, logs: Logs, figures: dict[str, Any]) -> Trained:
    """Train what the recipe asks for; record the figures of the training in ``figures``.

    Raises:
        ShortlistError: there is too little to learn from, or several workers cannot share this training.
    """
    if recipe.joint is not None and several():
        raise ShortlistError(
            "expected a single process for a recipe with a [joint] table, got several workers, which can "
            "share only a loss that is a mean over a batch's rows. Train without --workers and TF_CONFIG."
        )
    train, valid = data.interactions("train"), data.interactions("valid")
    visible = data.interactions("train", "valid")
    if len(train) < 2:
        raise ShortlistError(
            f"expected at least 2 positives in the training part, got {len(train)}: each is learnt against "
            "the items of the others. Provide more interactions, or lower split.test and split.valid."
        )
    sizes = Sizes.of(data, visible, valid)
    log.info(forecast(recipe, sizes).line(sizes))
    figures["seed"] = (recipe.retriever if recipe.retrieves else recipe.ranker).seed
    if recipe.joint is not None:
        return _jointly(recipe, data, visible, logs, figures)
    return _separately(recipe, data, train, valid, visible, logs, figures)


def _separately(
    recipe: Recipe,
    data: PreparedData,
    train: Interactions,
    valid: Interactions,
    visible: Interactions,
    logs: Logs,
    figures: dict[str, Any],
) -> Trained:
    retriever, ranker, epochs = None, None, 0
    if recipe.retrieves:
        with timed(figures, "retriever, with early stopping"):
            retriever, epochs = first_retriever(recipe, data, train, valid, logs, figures)
    if recipe.ranks:
        if recipe.ranker.target == "candidates":
            assert retriever is not None  # the recipe was validated
            with timed(figures, "candidates"):
                parts = candidates_to_learn_from(
                    recipe, data, retriever, train, valid, visible, epochs, logs
                )
            with timed(figures, "ranker"):
                ranker = on_candidates(recipe, data, parts, logs, figures)
        else:
            retriever = None  # frees its tables before the ranker's are created
            with timed(figures, "ranker"):
                ranker = on_interactions(recipe, data, logs, figures)
    if recipe.retrieves:
        log.info(f"retriever: training again on train and valid, {epochs} epochs")
        with timed(figures, "retriever"):
            retriever = final_retriever(recipe, data, train, visible, logs, epochs, figures)
    return retriever, ranker


def candidates_to_learn_from(
    recipe: Recipe,
    data: PreparedData,
    retriever: TwoTower,
    train: Interactions,
    valid: Interactions,
    visible: Interactions,
    epochs: int,
    logs: Logs,
    item_models: ItemModels = candidate_arrays,
) -> list[tuple[CandidateRows, CandidateRows]]:
    """Candidates to train a ranker on: of the valid part, and of each further fold.

    Each entry has the candidates of all its users, and those of some of them treated as unknown.

    Args:
        retriever: trained on ``train`` alone, for ``epochs``.
        visible: ``train`` and ``valid``, in chronological order.
    """
    seed = recipe.ranker.seed
    parts = [_candidates(recipe, data, retriever, train, valid, seed, item_models)]
    for fold in range(recipe.ranker.folds):
        log.info(f"ranker: candidates of fold {fold + 1} of {recipe.ranker.folds}")
        kept, held = held_out(visible, recipe.split.valid, seed + fold)
        other = fold_retriever(recipe, data, kept, logs, epochs, fold)
        parts.append(_candidates(recipe, data, other, kept, held, seed + fold, item_models))
    log.info(
        f"ranker: {sum(len(rows) for rows, _ in parts):,} candidates, "
        f"{sum(int(rows.relevant.sum()) for rows, _ in parts):,} of them relevant"
    )
    return parts


def held_out(visible: Interactions, share: float, seed: int) -> tuple[Interactions, Interactions]:
    """Hold out a random share of the interactions: the rest and that share, both in their order."""
    held = np.random.default_rng(seed).random(len(visible)) < share
    return visible.at(~held), visible.at(held)


def retrieval_of(
    recipe: Recipe,
    data: PreparedData,
    retriever: TwoTower,
    visible: Interactions,
    users: np.ndarray | None = None,
    item_models: ItemModels = candidate_arrays,
) -> Retrieval:
    """The vectors and arrays with which a retriever that was trained on ``visible`` finds candidates.

    ``users``: the user rows that candidates are for; every user by default.
    """
    items = retriever.embed_items(data.items)
    queries = np.full((data.user_count, items.shape[1]), np.nan, np.float32)
    chosen = np.arange(data.user_count) if users is None else users
    queries[chosen] = retriever.embed_queries(data.queries(visible, chosen))
    return Retrieval(
        queries,
        items,
        visible,
        item_models(recipe, data, visible),
        retriever.absolute,
    )


def _candidates(
    recipe: Recipe,
    data: PreparedData,
    retriever: TwoTower,
    visible: Interactions,
    relevant: Interactions,
    seed: int,
    item_models: ItemModels,
) -> tuple[CandidateRows, CandidateRows]:
    """The candidates of at most ``ranker.users`` users, and of some of them treated as unknown."""
    drawn = drawn_users(relevant, recipe.ranker.users, seed)
    relevant = relevant.at(np.isin(relevant.users, drawn))
    retrieval = retrieval_of(recipe, data, retriever, visible, drawn, item_models)
    rows = candidate_rows(recipe, data, retrieval, relevant)
    query = retriever.embed_queries(data.unknown_user)
    users = np.unique(rows.users)[::UNKNOWN_EVERY]
    return rows, unknown_user_rows(recipe, data, query, retrieval, relevant, users)


def _jointly(
    recipe: Recipe,
    data: PreparedData,
    visible: Interactions,
    logs: Logs,
    figures: dict[str, Any],
) -> Trained:
    from models.training.joint import train_joint

    with timed(figures, "joint"):
        retriever, ranker = train_joint(recipe, data, logs, figures)
    rows = min(data.user_count, data.item_count)
    users = data.queries(visible, np.arange(rows))
    items = {name: column[:rows] for name, column in data.items.items()}
    return retriever, TrainedRanker(ranker, users | items)
