"""Search for the settings of a stage: Optuna over the space that the recipe declares.

A trial is the first training of the stage, on ``train`` with its validation figure on ``valid``; the
test part is never looked at. After each epoch a trial that is worse than the median of the others at
that epoch is given up.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipes.artifacts import Artifacts
from recipes.errors import ShortlistError
from recipes.freshness import fingerprint, stamped
from recipes.inputs import need
from recipes.recipe import Choices, Range, Recipe

if TYPE_CHECKING:
    import optuna

    from models.prepared import PreparedData

Say = Callable[[str], None]
#: Trials that are never given up, and epochs before which none is.
UNPRUNED_TRIALS, UNPRUNED_EPOCHS = 4, 2


def tune(recipe: Recipe, artifacts: Artifacts, trials: int | None, say: Say) -> dict[str, Any]:
    """The best settings by key, after ``trials`` (by default the recipe's) trials, earlier ones counted.

    The study lies in ``artifacts.study`` and goes on where it was left, even killed; a trial that was
    under way then does not count. Other data, or another space, begin a new one.

    Raises:
        ShortlistError: nothing is prepared, the recipe has no ``[tune]`` table, the stage cannot be
        tuned, or a key
            is no setting of a recipe.
    """
    if recipe.tune is None:
        raise ShortlistError(
            f"'{recipe.name}' declares no space to search. Give it a table such as:\n"
            '[tune.space]\n"retriever.learning_rate" = { low = 0.001, high = 0.1, log = true }'
        )
    stage = next(iter(recipe.tune.space)).split(".")[0]
    if recipe.joint is not None or (stage == "ranker" and recipe.ranker.target == "candidates"):
        raise ShortlistError(
            f"the {stage} of '{recipe.name}' cannot be tuned: retrievers can, and rankers whose "
            "ranker.target is 'positives' or 'label'; not those of a [joint] table or of 'candidates'."
        )
    need(artifacts.prepared.stamp, "prepare", recipe.given_as)
    for key in recipe.tune.space:
        _require_setting(recipe, key)
    import optuna

    from models.prepared import PreparedData

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    data = PreparedData(artifacts.prepared)
    lower_is_better = stage == "ranker" and recipe.ranker.target == "label"
    content = recipe.model_dump(mode="json", include={"retriever", "ranker", "tune"})
    del content["tune"]["trials"]
    study = optuna.create_study(
        study_name=fingerprint(content, [], [stamped(artifacts.prepared.stamp)]),
        storage=f"sqlite:///{artifacts.study}",
        direction="minimize" if lower_is_better else "maximize",
        pruner=optuna.pruners.MedianPruner(UNPRUNED_TRIALS, UNPRUNED_EPOCHS),
        load_if_exists=True,
    )
    wanted = trials or recipe.tune.trials
    while (done := _ended(study)) < wanted:
        # With the same seed again, a study that goes on would draw its first settings once more.
        study.sampler = optuna.samplers.TPESampler(seed=recipe.tune.seed + done)
        study.optimize(lambda trial: _measured(trial, recipe, data, stage, say), n_trials=1)
        last = study.trials[-1]
        settings = ", ".join(f"{key} = {_toml(value)}" for key, value in last.params.items())
        found = "given up" if last.state.name == "PRUNED" else f"{last.value:.4f}"
        say(f"trial {done + 1} of {wanted}: {found} ({settings})")
    say(f"best of {wanted} trials on the validation part: {study.best_value:.4f}")
    return dict(study.best_params)


def as_toml(settings: dict[str, Any]) -> str:
    """Settings as lines to paste into a recipe."""
    stage = next(iter(settings)).split(".")[0]
    lines = [f"{key.split('.', 1)[1]} = {_toml(value)}" for key, value in settings.items()]
    return "\n".join([f"[{stage}]", *lines])


def _ended(study: "optuna.Study") -> int:
    return sum(trial.state.name in ("COMPLETE", "PRUNED") for trial in study.trials)


def _measured(
    trial: "optuna.Trial", recipe: Recipe, data: "PreparedData", stage: str, say: Say
) -> float:
    """The best validation figure of the stage with the settings that ``trial`` suggests."""
    import optuna

    from models.fitting import Logs
    from models.ranker_training import first_on_interactions
    from models.retriever_training import first_retriever

    assert recipe.tune is not None
    changed = {key: _suggested(trial, key, space) for key, space in recipe.tune.space.items()}
    tried = with_settings(recipe, changed)
    seen: list[float] = []

    def watch(epoch: int, figure: float) -> None:
        seen.append(figure)
        trial.report(figure, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned

    def quiet(line: str) -> None:
        return None

    with tempfile.TemporaryDirectory(prefix="shortlist-") as folder:
        logs, figures = Logs(Path(folder)), dict[str, Any]()
        if stage == "retriever":
            train, valid = data.interactions("train"), data.interactions("valid")
            first_retriever(tried, data, train, valid, logs, figures, quiet, watch)
        else:
            first_on_interactions(tried, data, logs, figures, quiet, watch)
    return min(seen) if trial.study.direction.name == "MINIMIZE" else max(seen)


def with_settings(recipe: Recipe, settings: dict[str, Any]) -> Recipe:
    """The recipe with other values of some keys, such as ``retriever.learning_rate``; checked anew.

    Raises:
        ValueError: a value is none that the key can have.
    """
    content = recipe.model_dump(mode="json")
    for key, value in settings.items():
        table, name = key.split(".")
        content[table][name] = value
    return Recipe.model_validate_json(json.dumps(content))


def _require_setting(recipe: Recipe, key: str) -> None:
    table, _, name = key.partition(".")
    known = sorted(recipe.model_dump()[table])
    if name not in known:
        raise ShortlistError(
            f"tune.space names '{key}', and [{table}] has no such key. It has: {', '.join(known)}."
        )


def _suggested(trial: "optuna.Trial", key: str, space: Range | Choices) -> Any:
    if isinstance(space, Choices):
        return trial.suggest_categorical(key, list(space.choices))
    if space.integer:
        return trial.suggest_int(key, int(space.low), int(space.high), log=space.log)
    return trial.suggest_float(key, space.low, space.high, log=space.log)


def _toml(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value)
