"""The search for a recipe's best settings: Optuna over a space that the recipe declares, or a default one.

Keys of one stage alone are compared by the stage's own validation figure, all others by the NDCG of the whole
funnel (``models.tuning.funnel``). The test part is never read. A trial that is worse than the median of the
others after an epoch of the retriever or before its ranker is trained is pruned.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metrics.paired import paired
from models.tuning.brought import Brought, by_means, changed, measured_alone
from models.tuning.budget import Budget, seconds_a_trial
from models.tuning.default_space import default_space
from models.tuning.objective import (
    UNPRUNED_EPOCHS,
    UNPRUNED_TRIALS,
    Objective,
    OneStage,
    WholeFunnel,
)
from models.tuning.space import decoded, drawn, require_settings, settled, stage_of
from models.tuning.winner import require_writable, write
from recipes.editing import as_toml
from recipes.load import with_settings
from recipes.schema.recipe import Recipe
from recipes.schema.tuning import GIVEN, Space, Tune
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from stages.log import logger
from stages.prerequisites import need
from stages.stamps import fingerprint, stamped

if TYPE_CHECKING:
    import optuna

log = logger(__name__)

#: Share of the time that the trials leave to measure what each key of the best one brought.
FOR_EACH_KEY = 0.25


@dataclass(frozen=True)
class Search:
    """What is searched, and where its trials are stored."""

    recipe: Recipe
    asked: Tune
    study: "optuna.Study"
    objective: Objective

    @property
    def space(self) -> Mapping[str, Space]:
        return self.asked.space


def tune(
    recipe: Recipe,
    artifacts: Artifacts,
    trials: int | None = None,
    *,
    minutes: float | None = None,
    out: Path | None = None,
) -> dict[str, Any]:
    """Return the best settings by key after ``trials`` trials, by default the recipe's number.

    Earlier trials count. The study is stored in ``artifacts.study``, and the next search resumes it, even
    after a kill; a trial that the kill interrupted does not count. Other data, or another space, start a
    new study. No trial but the first begins that is expected to end after so many ``minutes``. The recipe
    with the best settings is written to ``out``, by default ``artifacts.tuned``; no settings are returned if
    the recipe itself is the best.

    Raises:
        ShortlistError: nothing is prepared, the recipe cannot be searched, a key is not a setting, a value is
            not valid for its setting, no trial finished, or the file cannot be written.
    """
    asked = recipe.tune or Tune()
    asked = asked.model_copy(update={"space": asked.space or default_space(recipe)})
    out = out or artifacts.tuned
    require_settings(recipe, asked.space)
    stage = stage_of(recipe, asked.space)
    require_writable(out)
    need(artifacts.prepared.stamp, "prepare", recipe.given_as)
    import optuna

    from models.prepared import PreparedData
    from models.tuning.funnel import Funnel

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    data, study = PreparedData(artifacts.prepared), _study(recipe, asked, artifacts, stage)
    budget = Budget(minutes)
    if stage is not None:
        search = Search(recipe, asked, study, OneStage(data, stage))
        _run(search, trials or asked.trials, budget)
        settings, brought, heading = _best_of_stage(search)
    else:
        funnel = WholeFunnel(Funnel(recipe, data), study)
        log.info(
            f"searching {', '.join(asked.space)} by NDCG@{funnel.funnel.k} of "
            f"{len(funnel.funnel.users):,} users of the validation part"
        )
        log.info(f"the recipe as it is: {funnel.by_user(recipe).mean():.4f}")
        search = Search(recipe, asked, study, funnel)
        _run(search, trials or asked.trials, budget, FOR_EACH_KEY)
        settings, brought, heading = _best_of_funnel(search, funnel, budget)
    write(recipe, settings, brought, heading, out)
    log.info(f"wrote {out}")
    return settings


def _run(search: Search, wanted: int, budget: Budget, kept_free: float = 0.0) -> None:
    """Add trials up to ``wanted`` or until the time is over.

    Raises:
        ShortlistError: no trial finished.
    """
    import optuna

    study, asked = search.study, search.asked
    first = True
    while (done := _ended(study)) < wanted:
        if not (first or budget.allows(seconds_a_trial(study), kept_free)):
            log.info(
                f"stopped after {done} of {wanted} trials: another of about {seconds_a_trial(study):.0f} s "
                f"would not end within {budget.minutes:g} minutes"
            )
            break
        first = False
        # A resumed study with the same seed would draw its first settings again.
        study.sampler = optuna.samplers.TPESampler(seed=asked.seed + done)
        # Models contain reference cycles: without a collection, those of all trials stay in memory.
        study.optimize(lambda trial: _measured(trial, search), n_trials=1, gc_after_trial=True)
        log.info(f"trial {done + 1} of {wanted}: {_outcome(study.trials[-1], search.space)}")
    if not study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.COMPLETE]):
        raise ShortlistError(
            f"expected at least one of {done} trials to finish, got none. The last one: "
            f"{_outcome(study.trials[-1], search.space)} Change the recipe or its tune.space, which starts "
            "a new search."
        )
    log.info(f"best of {done} trials on the validation part: {study.best_value:.4f}")


def _measured(trial: "optuna.Trial", search: Search) -> float:
    """The figure of the settings that ``trial`` suggests."""
    import optuna

    suggested = drawn(trial, search.space)
    try:
        tried = with_settings(search.recipe, settled(search.recipe, suggested))
        return search.objective.measure(trial, tried)
    except ShortlistError as error:
        # For example a learning rate that makes the loss infinite: later trials learn to avoid it.
        trial.set_user_attr("reason", str(error))
        raise optuna.TrialPruned from error


Findings = tuple[dict[str, Any], dict[str, Brought], list[str]]


def _best_of_stage(search: Search) -> Findings:
    """The best settings, what each brought, and what to write above them."""
    recipe, study = search.recipe, search.study
    settings = settled(recipe, decoded(search.space, study.best_params))
    brought = {
        key: by_means(recipe, study, search.space, key, value)
        for key, value in changed(recipe, settings).items()
        if key in search.space
    }
    heading = [
        f"{_by(recipe)}: the best of {_ended(study)} trials, {study.best_value:.4f} on the validation part."
    ]
    return settings, brought, heading


def _best_of_funnel(search: Search, funnel: WholeFunnel, budget: Budget) -> Findings:
    """As ``_best_of_stage``; without settings if the recipe itself is better."""
    recipe, study = search.recipe, search.study
    what = f"NDCG@{funnel.funnel.k} of {len(funnel.funnel.users):,} users of the validation part"
    before = funnel.by_user(recipe)
    if study.best_value <= before.mean():
        verdict = (
            f"none of {_ended(study)} trials beats the recipe as it is, {before.mean():.4f} {what}."
        )
        log.info(verdict)
        return {}, {}, [f"{_by(recipe)}: {verdict}"]
    suggested = decoded(search.space, study.best_params)
    settings = settled(recipe, suggested)
    both = paired(before, funnel.by_user(with_settings(recipe, settings)))
    beats = "beats it by more than" if both.errors > 2 else "does not beat it by more than"
    verdict = (
        f"{study.best_value:.4f} {what}, {before.mean():.4f} before: {both.difference:+.4f} "
        f"± {both.standard_error:.4f}, which {beats} two standard errors."
    )
    log.info(verdict)
    brought = measured_alone(recipe, suggested, funnel, budget)
    for key, value in changed(recipe, settings).items():
        if key in search.space and key not in brought:
            brought[key] = by_means(recipe, study, search.space, key, value)
    for key, each in brought.items():
        log.info(f"{key} = {as_toml(settings[key])} brought {each}")
    return settings, brought, [f"{_by(recipe)}: the best of {_ended(study)} trials, {verdict}"]


def _by(recipe: Recipe) -> str:
    return f"Written by `shortlist tune {recipe.given_as}`"


def _study(recipe: Recipe, asked: Tune, artifacts: Artifacts, stage: str | None) -> "optuna.Study":
    """The study for these data, this space and the other settings, with its trials so far."""
    import optuna
    from sqlalchemy.exc import DatabaseError

    if stage is None:
        content = recipe.model_dump(mode="json", exclude={*GIVEN, "name", "title"})
        content["k"] = recipe.evaluation.k[0]
        read = ("candidates", "generators", "exclude", "index")
        content["serving"] = {name: content["serving"][name] for name in read}
    else:
        content = recipe.model_dump(mode="json", include={stage})
    content["tune"] = asked.model_dump(mode="json", exclude={"trials"})
    for key in asked.space:
        table, name = key.split(".")
        content[table].pop(name, None)
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


def _outcome(trial: "optuna.trial.FrozenTrial", space: Mapping[str, Space]) -> str:
    """The outcome of an ended trial, for the log."""
    found = "pruned" if trial.state.name == "PRUNED" else f"{trial.value:.4f}"
    reason = trial.user_attrs.get("reason")
    shown = _shown(decoded(space, trial.params))
    return f"{found} ({shown})" + (f": {reason}" if reason else "")


def _shown(settings: dict[str, Any]) -> str:
    """Format settings in one line, floats rounded."""
    values = {
        key: f"{value:.4g}" if isinstance(value, float) else as_toml(value)
        for key, value in settings.items()
    }
    return ", ".join(f"{key} = {value}" for key, value in values.items())
