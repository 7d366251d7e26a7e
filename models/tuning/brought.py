"""What each changed key of the best settings brought."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from metrics.paired import paired
from models.tuning.budget import Budget, seconds_a_trial
from models.tuning.objective import WholeFunnel
from models.tuning.space import decoded, ends, settled
from recipes.load import with_settings
from recipes.schema.recipe import Recipe
from recipes.schema.tuning import Space
from stages.errors import ShortlistError
from stages.log import logger

if TYPE_CHECKING:
    import optuna

log = logger(__name__)


@dataclass(frozen=True)
class Brought:
    """The figure with a key's new value minus that with its former one.

    ``standard_error``: of that difference over users, if it was measured by setting this key back alone;
    otherwise the difference is that of the means of the trials nearer to either value. None: unknown.
    """

    difference: float | None = None
    standard_error: float | None = None

    def __str__(self) -> str:
        if self.difference is None:
            return "its effect is unknown: no trials to compare"
        if self.standard_error is None:
            return f"about {self.difference:+.4f}, by the means of the trials"
        return f"{self.difference:+.4f} ± {self.standard_error:.4f}, by setting it back alone"


def value_of(recipe: Recipe, key: str) -> Any:
    """A key's value in a recipe; None if the kind of its table has no such key."""
    table, name = key.split(".")
    return getattr(getattr(recipe, table), name, None)


def changed(recipe: Recipe, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that differ from the recipe's."""
    return {key: value for key, value in settings.items() if value_of(recipe, key) != value}


def measured_alone(
    recipe: Recipe,
    drawn: Mapping[str, Any],
    objective: WholeFunnel,
    budget: Budget,
) -> dict[str, Brought]:
    """By key, what the drawn settings lose if this key alone is set back, as far as time allows.

    ``drawn``: the values of all keys of the space in the best trial.
    """
    best = with_settings(recipe, settled(recipe, drawn))
    with_all = objective.by_user(best)
    found: dict[str, Brought] = {}
    for key in changed(recipe, settled(recipe, drawn)):
        if key not in drawn:
            continue
        try:
            others = {other: value for other, value in drawn.items() if other != key}
            back = with_settings(recipe, settled(recipe, others))
            if objective.stored(back) is None:
                if not budget.allows(seconds_a_trial(objective.study)):
                    continue
                log.info(f"setting back {key} alone")
            difference = paired(objective.by_user(back), with_all)
        except ShortlistError as error:
            log.info(f"{key} cannot be set back alone: {error}")
            continue
        found[key] = Brought(difference.difference, difference.standard_error)
    return found


def by_means(
    recipe: Recipe, study: "optuna.Study", space: Mapping[str, Space], key: str, value: Any
) -> Brought:
    """What a key's value brought by the trials: the mean of those nearer to it minus that of the others."""
    near, far = list[float](), list[float]()
    before = value_of(recipe, key)
    for trial in study.get_trials(deepcopy=False):
        params = decoded(space, trial.params)
        if trial.state.name == "COMPLETE" and key in params and trial.value is not None:
            side = near if _is_nearer(space[key], params[key], value, before) else far
            side.append(trial.value)
    if not near or not far:
        return Brought()
    return Brought(float(np.mean(near) - np.mean(far)))


def _is_nearer(space: Space, tried: Any, value: Any, before: Any) -> bool:
    if space.choices:
        return bool(tried == value)
    scale = math.log if space.log else float
    distance = abs(scale(tried) - scale(value))
    if isinstance(before, int | float) and (before > 0 or not space.log):
        return distance < abs(scale(tried) - scale(before))
    low, high = map(scale, ends(space))
    return distance < (high - low) / 4
