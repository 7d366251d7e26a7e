"""What a recorded event of each kind counts as: the recipe's rules, for the events that a server learns of.

A recorded event has a kind, and none of the other columns of an interaction. So the recipe's conditions are
decided as far as the kind decides them: a comparison of another column may hold, and so the event counts
unless its kind alone makes the condition false.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import polars as pl

from recipes.schema.recipe import Recipe
from runtime.condition_values import SIGNS
from runtime.conditions import (
    Column,
    Comparison,
    Condition,
    Junction,
    Membership,
    Negation,
    columns_of,
    parse,
)
from runtime.event_kinds import EventKinds
from stages.columns import exactly
from stages.log import logger
from workflows.meaning import kinds

log = logger(__name__)

#: The field of a recorded event with its kind.
_EVENT = "event"


def write_event_kinds(recipe: Recipe, interactions: pl.LazyFrame, path: Path) -> None:
    """Write what a recorded event of each kind counts as, if the recipe tells kinds apart."""
    found = event_kinds(recipe, interactions)
    if found is not None:
        text = json.dumps(asdict(found), ensure_ascii=False, indent=1)
        path.write_text(text + "\n", encoding="utf-8")


def event_kinds(recipe: Recipe, interactions: pl.LazyFrame) -> EventKinds | None:
    """Return what a recorded event of each kind counts as; None if the recipe does not tell kinds apart.

    The kinds are those in the data, and those that ``[events]`` names.
    """
    column = kind_column(recipe, interactions.collect_schema())
    if column is None:
        return None
    events = recipe.events
    values = interactions.select(exactly(column).unique()).collect(engine="streaming").to_series()
    raw = dict(zip(values.to_frame().select(kinds(column)).to_series(), values, strict=True))
    raw.pop(None, None)
    if events is not None:
        raw = {kind: raw.get(kind, kind) for kind in (*raw, *events.named)}
    condition = recipe.interactions.filter
    counting = [
        kind
        for kind, value in raw.items()
        if _may_hold(condition, column, value)
        and (events is None or not events.weights or events.weights.get(kind, 0) > 0)
    ]
    condition = recipe.interactions.positive
    history = [kind for kind in counting if _may_hold(condition, column, raw[kind])]
    if events is not None and events.positives is not None:
        history = [kind for kind in counting if kind in events.positives]
    seen = history
    if events is not None and events.seen is not None:
        seen = [kind for kind in counting if kind in events.seen]
    return EventKinds(column, *(tuple(sorted(each)) for each in (raw, history, seen)))


def kind_column(recipe: Recipe, schema: Mapping[str, pl.DataType]) -> str | None:
    """The column with the kinds: that of ``[events]``, or one of text that the conditions read.

    That is the one called ``event``, as in recorded events, or else the only one that the condition for
    positives reads: a filter may also be about other things, such as a country.
    """
    if recipe.events is not None:
        return recipe.events.column
    ids = (recipe.columns.user, recipe.columns.item)

    def texts(condition: str | None) -> list[str]:
        names = [] if condition is None else columns_of(parse(condition))
        return [name for name in names if schema[name] == pl.String and name not in ids]

    of_positive = texts(recipe.interactions.positive)
    if _EVENT in of_positive or _EVENT in texts(recipe.interactions.filter):
        return _EVENT
    if len(of_positive) > 1:
        log.info(
            "recorded events of every kind count, because interactions.positive reads several columns "
            f"with text: {', '.join(of_positive)}. Name the one with the kinds as events.column."
        )
        return None
    return of_positive[0] if of_positive else None


def _may_hold(text: str | None, column: str, value: object) -> bool:
    return text is None or _holds(parse(text), column, value) is not False


def _holds(condition: Condition, column: str, value: object) -> bool | None:
    """Whether a condition holds for a row with this value in ``column``; None if that depends on others."""
    match condition:
        case Negation(part):
            inner = _holds(part, column, value)
            return None if inner is None else not inner
        case Junction(word, parts):
            each = [_holds(part, column, value) for part in parts]
            decisive = word == "or"
            return decisive if decisive in each else None if None in each else not decisive
        case Membership(of, values, negated):
            return None if of.name != column else (value in values) != negated
        case Comparison(of, sign, other):
            if of.name != column or (isinstance(other, Column) and other.name != column):
                return None
            return bool(SIGNS[sign](value, value if isinstance(other, Column) else other))
