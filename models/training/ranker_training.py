"""Training of the ranker, whatever its model: on retrieved candidates or on interactions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from merlin.schema import Tags

from metrics.classification import auc, auc_within_groups
from metrics.rating import rmse
from models.interactions import relative
from models.prepared import Arrays, Labelled, PreparedData
from models.rankers import dlrm, ranker_module
from models.rankers.inputs_schema import ranker_schema
from models.rankers.listwise import Lists, Listwise
from models.training.batches import Batches, Pairs
from models.training.candidate_rows import CandidateRows, all_of
from models.training.fitting import Logs, Validation, Watch, fit
from recipes.schema.rankers import Dlrm
from recipes.schema.rankers import Trained as Ranker
from recipes.schema.recipe import Recipe
from runtime.candidates.ranker_features import RETRIEVAL_SCORE, SCORED_GENERATORS
from runtime.candidates.z_scores import Z_SCORE
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

#: Share of the users with candidates on whom the ranker is validated.
VALIDATION_SHARE = 0.2
#: One in so many users also trains the ranker as an unknown user.
UNKNOWN_EVERY = 8
#: Rows per batch of a prediction.
PREDICT_ROWS = 8192
#: Each candidate generator's z-score of a candidate within the user's list.
GENERATOR_Z_SCORES = tuple(f"{name}{Z_SCORE}" for name in (RETRIEVAL_SCORE, *SCORED_GENERATORS))
#: If there are few rows, make at least so many batches, of at least so many rows each: a model learns
#: nothing in a handful of steps.
FEWEST_BATCHES, SMALLEST_BATCH = 32, 32


@dataclass(frozen=True)
class TrainedRanker:
    """A ranker and some of its training rows, with which its export is checked."""

    model: tf.keras.Model
    sample: Arrays


def on_candidates(
    recipe: Recipe,
    data: PreparedData,
    parts: list[tuple[CandidateRows, CandidateRows]],
    logs: Logs,
    figures: dict[str, Any],
) -> TrainedRanker:
    """Train on the candidates of most users, with early stopping on those of the others.

    ``parts``: for each held-out share, the candidates, and those of some users treated as unknown. The
    validation candidates are those of the first share.

    Raises:
        ShortlistError: there are no candidates.
    """
    options = recipe.ranker
    tf.keras.utils.set_random_seed(options.seed)
    rows = parts[0][0]
    if not len(rows):
        raise ShortlistError(
            "expected candidates to train the ranker on, got none: each user with a held-out positive "
            f"already has all of the items ({data.item_count:,}). Provide more items, or set "
            "ranker.kind = 'none' to order by retrieval."
        )
    users = np.random.default_rng(options.seed).permutation(np.unique(rows.users))
    held_out = users[: max(1, int(len(users) * VALIDATION_SHARE))]
    # A single user serves for both.
    others = users[len(held_out) :] if len(users) > 1 else users
    shown = all_of([each.of_users(others) for part in parts for each in part])
    hidden = rows.of_users(held_out)
    features = list(rows.ranker_features())
    inputs = _inputs(shown.columns, data, options, features)
    hidden_inputs = _inputs(hidden.columns, data, options, features)
    model: tf.keras.Model
    batches: Batches
    if options.loss == "listwise":
        model, batches = _untrained_on_lists(data, options, inputs, shown)
    else:
        size = _batch_size(options, len(shown))
        batches = Batches(inputs, size, options.seed, target=shown.relevant, weights=shown.weights)
        model = _untrained(data, options, batches)

    def within_users() -> float:
        answers = scores(model, hidden_inputs)
        return _or_coin(auc_within_groups(answers, hidden.relevant, hidden.users))

    validation = Validation("auc_within_users", within_users, "ranker", every=options.log_every)
    _fit_early(model, batches, options, logs, validation, figures)
    if isinstance(model, Listwise):
        model.calibrate(hidden_inputs, hidden.relevant)
    return TrainedRanker(model, inputs)


def on_interactions(
    recipe: Recipe, data: PreparedData, logs: Logs, figures: dict[str, Any]
) -> TrainedRanker:
    """Train on the interactions of ``train`` with early stopping on ``valid``, then again on both."""
    options = recipe.ranker
    _, epochs = first_on_interactions(recipe, data, logs, figures)
    log.info(f"ranker: training again on train and valid, {epochs} epochs")
    tf.keras.utils.set_random_seed(options.seed)
    batches = _pairs(data, options, data.labelled("train", "valid"))
    model = _untrained(data, options, batches)
    fit(model, batches, epochs=epochs, logs=logs.of("ranker-final"))
    return TrainedRanker(model, batches[0][0])


def first_on_interactions(
    recipe: Recipe,
    data: PreparedData,
    logs: Logs,
    figures: dict[str, Any],
    watch: Watch | None = None,
    valid: Labelled | None = None,
) -> tuple[TrainedRanker, int]:
    """Train on ``train`` with early stopping on ``valid``; also return the best number of epochs.

    ``watch``: as in ``Validation``. ``valid``: a share of the valid part; by default all of it.
    """
    options = recipe.ranker
    train = data.labelled("train")
    valid = data.labelled("valid") if valid is None else valid
    tf.keras.utils.set_random_seed(options.seed)
    batches = _pairs(data, options, train)
    model = _untrained(data, options, batches)
    hidden = _inputs(data.pair_columns(valid.users, valid.items), data, options, [])
    wanted = _target(valid, options)
    name, measure, best = _MEASURES[options.target]
    validation = Validation(
        name,
        lambda: measure(scores(model, hidden), wanted),
        "ranker",
        best,
        watch=watch,
        every=options.log_every,
    )
    epochs = _fit_early(model, batches, options, logs, validation, figures)
    return TrainedRanker(model, batches[0][0]), epochs


def scores(model: tf.keras.Model, inputs: Arrays) -> np.ndarray:
    """A ranker's predictions for some rows, float32 [n]."""
    return model.predict(inputs, PREDICT_ROWS, verbose=0).ravel()


#: By ``ranker.target``: the figure for early stopping, and whether the highest or the lowest is best.
_MEASURES: dict[str, tuple[str, Callable[[np.ndarray, np.ndarray], float], Any]] = {
    "positives": ("auc", lambda found, relevant: _or_coin(auc(found, relevant)), "max"),
    "label": ("rmse", rmse, "min"),
}


def _or_coin(auc: float) -> float:
    """The AUC, or that of a coin if it is undefined: relevant and other rows are not both present."""
    return 0.5 if np.isnan(auc) else auc


def _pairs(data: PreparedData, options: Ranker, rows: Labelled) -> Pairs:
    """Batches of interactions; those of some users are repeated with the user unknown."""
    names = _input_names(data, options, [])
    # The unknown user is the row after the last user.
    of_user = {
        name: np.concatenate([column, data.unknown_user[name]])
        for name, column in data.users.items()
        if name in names
    }
    of_item = {name: column for name, column in data.items.items() if name in names}
    again = np.flatnonzero(rows.users % UNKNOWN_EVERY == 0)
    of_both = data.of_both(rows.users, rows.items)
    of_unknown = data.of_both(rows.users[again], rows.items[again], known=False)
    of_both = {
        name: np.concatenate([column, of_unknown[name]])
        for name, column in of_both.items()
        if name in names
    }
    users = np.concatenate([rows.users, np.full(len(again), data.user_count)]).astype(np.int32)
    items = np.concatenate([rows.items, rows.items[again]]).astype(np.int32)
    target = _target(rows, options)
    target = np.concatenate([target, target[again]])
    weights = relative(rows.weight)
    if weights is not None:
        weights = np.concatenate([weights, weights[again]])
    size = _batch_size(options, len(target))
    return Pairs(users, items, of_user, of_item, of_both, size, options.seed, target, weights)


def _target(rows: Labelled, options: Ranker) -> np.ndarray:
    return rows.label if options.target == "label" else rows.positive.astype(np.float32)


def _inputs(columns: Arrays, data: PreparedData, options: Ranker, features: list[str]) -> Arrays:
    return {name: columns[name] for name in _input_names(data, options, features)}


def _input_names(data: PreparedData, options: Ranker, features: list[str]) -> list[str]:
    schema = ranker_schema(data, options, features)
    return list(schema.excluding_by_tag(Tags.TARGET).column_names)


def _batch_size(options: Ranker, rows: int) -> int:
    return min(options.batch_size, max(SMALLEST_BATCH, rows // FEWEST_BATCHES))


def _untrained(data: PreparedData, options: Ranker, batches: Batches) -> tf.keras.Model:
    steps = len(batches) * options.max_epochs
    return ranker_module(options.kind).build(data, options, batches.numeric_inputs(), steps)


def _untrained_on_lists(
    data: PreparedData, options: Dlrm, inputs: Arrays, rows: CandidateRows
) -> tuple[Listwise, Lists]:
    # The weight of a relevant candidate is its target; other candidates have none.
    target = rows.relevant if rows.weights is None else rows.relevant * rows.weights
    batches = Lists(inputs, target, rows.lists, options.batch_size, options.seed)
    steps = len(batches) * options.max_epochs
    ranker = dlrm.build(data, options, batches.numeric_inputs(), steps)
    blended = [name for name in GENERATOR_Z_SCORES if name in inputs]
    model = Listwise(ranker, batches.width, blended, options.blend if blended else 0.0)
    model.compile(optimizer=dlrm.optimizer(options, steps))
    return model, batches


def _fit_early(
    model: tf.keras.Model,
    batches: Batches,
    options: Ranker,
    logs: Logs,
    validation: Validation,
    figures: dict[str, Any],
) -> int:
    best = fit(
        model,
        batches,
        epochs=options.max_epochs,
        logs=logs.of("ranker"),
        validation=validation,
        patience=options.patience,
    )
    figures["ranker"] = {"epochs": best, **validation.figures}
    return best
