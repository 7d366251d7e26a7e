"""Hyperparameter search for a stage: Optuna over the space that the recipe declares.

A trial runs the first training of the stage: on ``train``, with its validation figure on ``valid``. The
test part is never read. After each epoch, a trial that is worse than the median of the others at that epoch
is pruned.
"""

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipes.load import with_settings
from recipes.schema.recipe import Recipe
from recipes.schema.tuning import Space, Tune
from runtime.did_you_mean import did_you_mean
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from stages.log import logger, quiet
from stages.prerequisites import need
from stages.stamps import fingerprint, stamped

if TYPE_CHECKING:
    import optuna

    from models.prepared import PreparedData

log = logger(__name__)

#: No trial is pruned before so many trials have finished, nor in its first so many epochs.
UNPRUNED_TRIALS, UNPRUNED_EPOCHS = 4, 2


def tune(recipe: Recipe, artifacts: Artifacts, trials: int | None) -> dict[str, Any]:
    """Return the best settings by key after ``trials`` trials, by default the recipe's number.

    Earlier trials count. The study is stored in ``artifacts.study``, and the next search resumes it, even
    after a kill; a trial that the kill interrupted does not count. Other data, or another space, start a
    new study.

    Raises:
        ShortlistError: nothing is prepared, the recipe has no ``[tune]`` table, its stage cannot be tuned,
            a key is not a setting, a value is not valid for its setting, or no trial finished.
    """
    if recipe.tune is None:
        raise ShortlistError(
            f"expected a [tune.space] table in the recipe '{recipe.name}', found none. Add one such as:\n"
            '[tune.space]\n"retriever.learning_rate" = { low = 0.001, high = 0.1, log = true }'
        )
    stage = next(iter(recipe.tune.space)).split(".")[0]
    _require_tunable(recipe, stage)
    _require_settings(recipe, recipe.tune)
    need(artifacts.prepared.stamp, "prepare", recipe.given_as)
    import optuna

    from models.prepared import PreparedData

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    data = PreparedData(artifacts.prepared)
    study = _study(recipe, recipe.tune, artifacts, stage)
    wanted = trials or recipe.tune.trials
    while (done := _ended(study)) < wanted:
        # A resumed study with the same seed would draw its first settings again.
        study.sampler = optuna.samplers.TPESampler(seed=recipe.tune.seed + done)
        # Models contain reference cycles: without a collection, those of all trials stay in memory.
        study.optimize(
            lambda trial: _measured(trial, recipe, data, stage), n_trials=1, gc_after_trial=True
        )
        log.info(f"trial {done + 1} of {wanted}: {_outcome(study.trials[-1])}")
    if not study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE]):
        raise ShortlistError(
            f"expected at least one of {done} trials to finish, got none. The last one: "
            f"{_outcome(study.trials[-1])} Change the recipe or its tune.space, which starts a new search."
        )
    log.info(f"best of {done} trials on the validation part: {study.best_value:.4f}")
    return dict(study.best_params)


def as_toml(settings: dict[str, Any]) -> str:
    """Format settings as lines to paste into a recipe, with every digit of a float."""
    stage = next(iter(settings)).split(".")[0]
    lines = [f"{key.split('.', 1)[1]} = {_toml(value)}" for key, value in settings.items()]
    return "\n".join([f"[{stage}]", *lines])


def _require_tunable(recipe: Recipe, stage: str) -> None:
    trained = getattr(recipe, stage).kind != "none" and recipe.joint is None
    if not trained or (stage == "ranker" and recipe.ranker.target == "candidates"):
        raise ShortlistError(
            f"expected tune.space to name a stage that can be tuned, got the {stage} of '{recipe.name}'. "
            "Tune a retriever, or a ranker whose ranker.target is 'positives' or 'label'; a stage of kind "
            "'none' and a recipe with a [joint] table cannot be tuned."
        )


def _require_settings(recipe: Recipe, asked: Tune) -> None:
    """Refuse a key that is not a setting, and choices or range ends that its setting does not allow."""
    for key, space in asked.space.items():
        table, _, name = key.partition(".")
        known = sorted(type(getattr(recipe, table)).model_fields)
        if name not in known:
            raise ShortlistError(
                f"expected tune.space to name a key of [{table}], got '{key}'{did_you_mean(name, known)}. "
                f"Valid keys: {', '.join(known)}."
            )
        for value in space.choices or _ends(space):
            with_settings(recipe, {key: value})


def _study(recipe: Recipe, asked: Tune, artifacts: Artifacts, stage: str) -> "optuna.Study":
    """The study for these data, this space and the stage's other settings, with its trials so far."""
    import optuna
    from sqlalchemy.exc import DatabaseError

    content = recipe.model_dump(mode="json", include={stage, "tune"})
    del content["tune"]["trials"]
    for key in asked.space:
        del content[stage][key.split(".")[1]]
    lower_is_better = stage == "ranker" and recipe.ranker.target == "label"
    try:
        return optuna.create_study(
            study_name=fingerprint(content, [], [stamped(artifacts.prepared.stamp)]),
            storage=f"sqlite:///{artifacts.study}",
            direction="minimize" if lower_is_better else "maximize",
            pruner=optuna.pruners.MedianPruner(UNPRUNED_TRIALS, UNPRUNED_EPOCHS),
            load_if_exists=True,
        )
    except DatabaseError as error:
        raise ShortlistError(
            f"expected a readable and writable database of trials at {artifacts.study}, got: {error.orig}. "
            "Check its permissions and the free disk space, or delete it to start a new search."
        ) from error


def _ended(study: "optuna.Study") -> int:
    return sum(trial.state.name in ("COMPLETE", "PRUNED") for trial in study.trials)


def _outcome(trial: "optuna.trial.FrozenTrial") -> str:
    """The outcome of an ended trial, for the log."""
    found = "pruned" if trial.state.name == "PRUNED" else f"{trial.value:.4f}"
    reason = trial.user_attrs.get("reason")
    return f"{found} ({_shown(trial.params)})" + (f": {reason}" if reason else "")


def _measured(trial: "optuna.Trial", recipe: Recipe, data: "PreparedData", stage: str) -> float:
    """The best validation figure of the stage with the settings that ``trial`` suggests."""
    import optuna

    from models.training.fitting import Logs
    from models.training.ranker_training import first_on_interactions
    from models.training.retriever_training import first_retriever

    assert recipe.tune is not None
    changed = {key: _suggested(trial, key, space) for key, space in recipe.tune.space.items()}
    seen: list[float] = []

    def watch(epoch: int, figure: float) -> None:
        seen.append(figure)
        trial.report(figure, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    try:
        # A search uses no figures from within an epoch.
        tried = with_settings(recipe, {**changed, f"{stage}.log_every": 0})
        with quiet(), tempfile.TemporaryDirectory(prefix="shortlist-") as folder:
            logs, figures = Logs(Path(folder)), dict[str, Any]()
            if stage == "retriever":
                train, valid = data.interactions("train"), data.interactions("valid")
                first_retriever(tried, data, train, valid, logs, figures, watch)
            else:
                first_on_interactions(tried, data, logs, figures, watch)
    except ShortlistError as error:
        # For example a learning rate that makes the loss infinite: later trials learn to avoid it.
        trial.set_user_attr("reason", str(error))
        raise optuna.TrialPruned from error
    return min(seen) if trial.study.direction.name == "MINIMIZE" else max(seen)


def _suggested(trial: "optuna.Trial", key: str, space: Space) -> Any:
    if space.choices:
        return trial.suggest_categorical(key, list(space.choices))
    suggest = trial.suggest_int if space.integer else trial.suggest_float
    return suggest(key, *_ends(space), log=space.log)


def _ends(space: Space) -> tuple[Any, Any]:
    assert space.low is not None  # the recipe was validated
    assert space.high is not None
    number = int if space.integer else float
    return number(space.low), number(space.high)


def _shown(settings: dict[str, Any]) -> str:
    """Format settings in one line, floats rounded."""
    values = {
        key: f"{value:.4g}" if isinstance(value, float) else _toml(value)
        for key, value in settings.items()
    }
    return ", ".join(f"{key} = {value}" for key, value in values.items())


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
