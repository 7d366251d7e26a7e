"""The space of a search: its default, the check of a declared one, and the settings drawn from it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from recipes.load import tables_by_kind, unwrapped, with_settings
from recipes.schema.recipe import Recipe
from recipes.schema.tuning import Space
from runtime.candidates.generators import GENERATORS
from runtime.candidates.z_scores import Z_SCORE
from runtime.did_you_mean import did_you_mean
from stages.configuration import Table
from stages.errors import ShortlistError

if TYPE_CHECKING:
    import optuna

#: The tables of the models that are candidate generators and ranker features.
ITEM_MODELS = tuple(name for name in GENERATORS if name in Recipe.model_fields)


def stage_of(recipe: Recipe, space: Mapping[str, Space]) -> str | None:
    """The one stage whose own figure says how good the space's settings are; None: the whole funnel's does.

    Raises:
        ShortlistError: there is no funnel to search.
    """
    tables = {key.split(".")[0] for key in space}
    alone = recipe.joint is None and not recipe.ranks_candidates
    decides = {"ranker.kind", "ranker.target"} & {*space}
    if alone and tables == {"ranker"} and recipe.ranks and not decides:
        return "ranker"
    single = len(recipe.serving.generators) == 1
    if alone and tables == {"retriever"} and recipe.retrieves and single:
        return "retriever"
    if recipe.joint is not None:
        raise ShortlistError(
            f"expected a recipe whose retriever is trained on its own, got the [joint] table of "
            f"'{recipe.name}'. Leave [joint] out to search."
        )
    if not recipe.retrieves:
        raise ShortlistError(
            "expected only keys of [ranker] other than its kind and target in tune.space with "
            f"retriever.kind 'none', got {', '.join(space)} for '{recipe.name}'. Leave the others out."
        )
    return None


def require_settings(
    recipe: Recipe, space: Mapping[str, Space], keys: Iterable[str] | None = None
) -> None:
    """Refuse a key that is not a setting, and choices or range ends that its setting does not allow.

    ``keys``: which keys of the space to check; by default all.

    Raises:
        ShortlistError: with the key and what it accepts.
    """
    for key in space if keys is None else keys:
        table, _, name = key.partition(".")
        if getattr(recipe, table) is None:
            raise ShortlistError(
                f"expected tune.space to name a table of '{recipe.name}', got '{key}' without [{table}]; "
                f"add [{table}], or leave the key out."
            )
        known = sorted({name for of in _classes(recipe, table, space) for name in of.model_fields})
        if name not in known:
            raise ShortlistError(
                f"expected tune.space to name a key of [{table}], got '{key}'{did_you_mean(name, known)}. "
                f"Valid keys: {', '.join(known)}."
            )
        needed = _needed(recipe, key, space)
        for value in space[key].choices or ends(space[key]):
            with_settings(recipe, {**settled(recipe, {**needed, key: value}), key: value})


def drawn(trial: "optuna.Trial", space: Mapping[str, Space]) -> dict[str, Any]:
    """The value of each key that ``trial`` suggests."""
    return {key: _suggested(trial, key, each) for key, each in space.items()}


def decoded(space: Mapping[str, Space], params: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a trial's parameters: Optuna stores a list as text."""
    return {key: _by_label(space[key]).get(value, value) for key, value in params.items()}


def settled(recipe: Recipe, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without keys that the recipe would not read beside them.

    Where the recipe itself sets such a key, it gets its default: ``with_settings`` accepts the result.
    """
    kept = dict(settings)
    for key in settings:
        table, name = key.split(".")
        if name not in _class(recipe, table, settings).model_fields:
            del kept[key]
    for table in dict.fromkeys(key.split(".")[0] for key in settings):
        of = _class(recipe, table, settings)
        for name, (other, values) in of.READ_WHERE.items():
            if _value(recipe, of, table, other, kept) not in values:
                _reset(recipe, of, table, name, kept)
    return _without_unread_models(recipe, kept)


def ends(space: Space) -> tuple[Any, Any]:
    """The ends of a range, of the type of its values."""
    assert space.low is not None  # the recipe was validated
    assert space.high is not None
    number = int if space.integer else float
    return number(space.low), number(space.high)


def _without_unread_models(recipe: Recipe, settings: dict[str, Any]) -> dict[str, Any]:
    models = {table: getattr(recipe, table) for table in ITEM_MODELS}
    plain = {key: value for key, value in settings.items() if key.split(".")[0] not in models}
    defaults = {
        f"{table}.{name}": type(own).model_fields[name].get_default()
        for table, own in models.items()
        for name in own.changed
    }
    probe = with_settings(recipe, {**plain, **defaults})
    read = {*probe.serving.generators}
    read |= {name.removesuffix(Z_SCORE) for name in probe.ranker_features}
    for table, own in models.items():
        if table not in read:
            names = [key.split(".")[1] for key in settings if key.startswith(f"{table}.")]
            for name in {*names, *own.changed}:
                _reset(recipe, type(own), table, name, settings)
    return settings


def _class(recipe: Recipe, table: str, settings: Mapping[str, Any]) -> type[Table]:
    """The class of a table, of the kind that the settings choose or the recipe has."""
    kinds = tables_by_kind(unwrapped(Recipe.model_fields[table].annotation))
    chosen: type[Any] = kinds.get(settings.get(f"{table}.kind", ""), type(getattr(recipe, table)))
    return chosen


def _classes(recipe: Recipe, table: str, space: Mapping[str, Space]) -> Iterator[type[Table]]:
    """The classes of a table of all kinds that the space has."""
    kinds = space[f"{table}.kind"].choices if f"{table}.kind" in space else (None,)
    for kind in kinds:
        yield _class(recipe, table, {f"{table}.kind": kind})


def _value(
    recipe: Recipe, of: type[Table], table: str, name: str, settings: Mapping[str, Any]
) -> Any:
    own = getattr(getattr(recipe, table), name, of.model_fields[name].get_default())
    return settings.get(f"{table}.{name}", own)


def _reset(
    recipe: Recipe, of: type[Table], table: str, name: str, settings: dict[str, Any]
) -> None:
    """Set a key that is not read to its default, if the recipe sets it; else leave it out."""
    key, default = f"{table}.{name}", of.model_fields[name].get_default()
    settings.pop(key, None)
    if _value(recipe, of, table, name, {}) != default:
        settings[key] = default


def _needed(recipe: Recipe, key: str, space: Mapping[str, Space]) -> dict[str, Any]:
    """Choices of other keys of the space with which the recipe reads ``key``."""
    table, name = key.split(".")
    if table in ITEM_MODELS and "serving.generators" in space:
        choices = space["serving.generators"].choices
        lists = [each for each in choices if isinstance(each, tuple) and table in each]
        return {"serving.generators": lists[0]} if lists else {}
    settings: dict[str, Any] = {}
    if f"{table}.kind" in space and name != "kind":
        for kind in space[f"{table}.kind"].choices:
            if name in _class(recipe, table, {f"{table}.kind": kind}).model_fields:
                settings[f"{table}.kind"] = kind
                break
    of = _class(recipe, table, settings)
    while name in of.READ_WHERE:
        name, values = of.READ_WHERE[name]
        other = f"{table}.{name}"
        fitting = (
            [each for each in space[other].choices if each in values] if other in space else []
        )
        if fitting and _value(recipe, of, table, name, {}) not in values:
            settings[other] = fitting[0]
    return settings


def _suggested(trial: "optuna.Trial", key: str, space: Space) -> Any:
    if space.choices:
        by_label = _by_label(space)
        return by_label[trial.suggest_categorical(key, list(by_label))]
    suggest = trial.suggest_int if space.integer else trial.suggest_float
    return suggest(key, *ends(space), log=space.log)


def _by_label(space: Space) -> dict[Any, Any]:
    """The choices by the values that Optuna can store: a list is stored as JSON."""
    return {json.dumps(each) if isinstance(each, tuple) else each: each for each in space.choices}
