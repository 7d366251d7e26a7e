"""Search for the settings of a stage: Optuna over the space that the recipe declares.

A trial is the first training of the stage, on ``train`` with its validation figure on ``valid``; the
test part is never looked at. After each epoch a trial that is worse than the median of the others at
that epoch is given up.
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

#: Trials that are never given up, and epochs before which none is.
UNPRUNED_TRIALS, UNPRUNED_EPOCHS = 4, 2


def tune(recipe: Recipe, artifacts: Artifacts, trials: int | None) -> dict[str, Any]:
    """The best settings by key, after ``trials`` (by default the recipe's) trials, earlier ones counted.

    The study lies in ``artifacts.study`` and goes on where it was left, even killed; a trial that was
    under way then does not count. Other data, or another space, begin a new one.

    Raises:
        ShortlistError: nothing is prepared, the recipe has no ``[tune]`` table, its stage cannot be tuned,
            a key is no setting or a value none of the setting's, or no trial came to its end.
    """
    if recipe.tune is None:
        raise ShortlistError(
            f"'{recipe.name}' declares no space to search. Give it a table such as:\n"
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
        # With the same seed again, a study that goes on would draw its first settings once more.
        study.sampler = optuna.samplers.TPESampler(seed=recipe.tune.seed + done)
        # Models are cycles of references: uncollected, those of all trials would stay in memory.
        study.optimize(
            lambda trial: _measured(trial, recipe, data, stage), n_trials=1, gc_after_trial=True
        )
        log.info(f"trial {done + 1} of {wanted}: {_outcome(study.trials[-1])}")
    if not study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE]):
        raise ShortlistError(
            f"none of {done} trials came to its end. The last one: {_outcome(study.trials[-1])} "
            "Change the recipe or its tune.space, which begins a new search."
        )
    log.info(f"best of {done} trials on the validation part: {study.best_value:.4f}")
    return dict(study.best_params)


def as_toml(settings: dict[str, Any]) -> str:
    """Settings as lines to paste into a recipe, every digit of them."""
    stage = next(iter(settings)).split(".")[0]
    lines = [f"{key.split('.', 1)[1]} = {_toml(value)}" for key, value in settings.items()]
    return "\n".join([f"[{stage}]", *lines])


def _require_tunable(recipe: Recipe, stage: str) -> None:
    trained = getattr(recipe, stage).kind != "none" and recipe.joint is None
    if not trained or (stage == "ranker" and recipe.ranker.target == "candidates"):
        raise ShortlistError(
            f"the {stage} of '{recipe.name}' cannot be tuned: retrievers can, and rankers whose "
            "ranker.target is 'positives' or 'label'; not those of a [joint] table, of 'candidates', or "
            "of kind 'none'."
        )


def _require_settings(recipe: Recipe, asked: Tune) -> None:
    """Refuse a key that is no setting, and choices or ends of a range that it cannot have."""
    for key, space in asked.space.items():
        table, _, name = key.partition(".")
        known = sorted(type(getattr(recipe, table)).model_fields)
        if name not in known:
            raise ShortlistError(
                f"tune.space names '{key}', and [{table}] has no such key{did_you_mean(name, known)}. "
                f"It has: {', '.join(known)}."
            )
        for value in space.choices or _ends(space):
            with_settings(recipe, {key: value})


def _study(recipe: Recipe, asked: Tune, artifacts: Artifacts, stage: str) -> "optuna.Study":
    """The study of these data, this space and the stage's other settings, with its trials so far."""
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
            f"{artifacts.study}, the trials so far, cannot be used: {error.orig}. Check the rights on it "
            "and the space on its disk, or delete it to begin anew."
        ) from error


def _ended(study: "optuna.Study") -> int:
    return sum(trial.state.name in ("COMPLETE", "PRUNED") for trial in study.trials)


def _outcome(trial: "optuna.trial.FrozenTrial") -> str:
    """What a person reads of an ended trial."""
    found = "given up" if trial.state.name == "PRUNED" else f"{trial.value:.4f}"
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
        # What happens between epochs nobody would look at.
        tried = with_settings(recipe, {**changed, f"{stage}.log_every": 0})
        with quiet(), tempfile.TemporaryDirectory(prefix="shortlist-") as folder:
            logs, figures = Logs(Path(folder)), dict[str, Any]()
            if stage == "retriever":
                train, valid = data.interactions("train"), data.interactions("valid")
                first_retriever(tried, data, train, valid, logs, figures, watch)
            else:
                first_on_interactions(tried, data, logs, figures, watch)
    except ShortlistError as error:
        # Such as a learning rate that makes the loss infinite: the next trial knows to avoid it.
        trial.set_user_attr("reason", str(error))
        raise optuna.TrialPruned from error
    return min(seen) if trial.study.direction.name == "MINIMIZE" else max(seen)


def _suggested(trial: "optuna.Trial", key: str, space: Space) -> Any:
    if space.choices:
        return trial.suggest_categorical(key, list(space.choices))
    suggest = trial.suggest_int if space.integer else trial.suggest_float
    return suggest(key, *_ends(space), log=space.log)


def _ends(space: Space) -> tuple[Any, Any]:
    assert space.low is not None  # the recipe was checked
    assert space.high is not None
    number = int if space.integer else float
    return number(space.low), number(space.high)


def _shown(settings: dict[str, Any]) -> str:
    """Settings in a line, floats rounded."""
    values = {
        key: f"{value:.4g}" if isinstance(value, float) else _toml(value)
        for key, value in settings.items()
    }
    return ", ".join(f"{key} = {value}" for key, value in values.items())


def _toml(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
