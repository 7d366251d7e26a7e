"""The interactions that count, as a few numbers each, with their part of the split."""

from dataclasses import dataclass

import polars as pl

from recipes.schema.recipe import Recipe
from stages.artifacts import Raw
from stages.columns import TRAIN, exactly
from stages.errors import ShortlistError
from workflows.meaning import kinds, meaning
from workflows.repeats import Repeats, count_repeats
from workflows.selection import Merged, merge_pairs, none_left
from workflows.splits import split_interactions

#: The name of a given split's column here.
_HELD_OUT = "held_out"


@dataclass(frozen=True)
class Counted:
    """The interactions that count.

    ``frame``: ``user`` and ``item`` (Int64, or Categorical if ids are text), ``part`` (Int8, codes of
    ``stages.columns``) and, if the recipe names them, ``time`` (integer), ``label`` and ``weight``
    (Float64) and ``kind`` (String); ``positive`` (Boolean) if a condition, kinds or a label of two values
    define it.
    """

    frame: pl.DataFrame
    #: Rows of the interactions table.
    rows: int
    #: Rows that ``interactions.filter`` keeps.
    filtered: int
    #: Rows of ``filtered`` with weight 0, which do not count.
    weightless: int
    #: Rows of the others besides the one that is kept of each (user, item) pair.
    repeated: int
    #: Positives of the test part that are repeats, if every interaction of a pair counted.
    repeats: Repeats
    #: What is kept of each pair, and what was merged.
    merged: Merged
    #: Units of ``time`` per second.
    per_second: float
    #: Why the split failed and all rows count as training rows; None if it did not.
    unparted: str | None


def counted_interactions(recipe: Recipe, raw: Raw) -> Counted:
    """Return the rows that ``shortlist prepare`` would encode, and their parts.

    The table is streamed; some 40 bytes per interaction stay in memory.

    Raises ``ShortlistError`` if no row is left, or a condition does not fit.
    """
    frame, per_second = _numbers(recipe, raw)
    rows = len(frame)
    wanted = recipe.interactions
    frame = frame.filter("kept").drop("kept")
    filtered = len(frame)
    frame = frame.filter("counts").drop("counts")
    weightless = filtered - len(frame)
    time = None if recipe.columns.timestamp is None else "time"
    outcome = "positive" if "positive" in frame.columns else None
    merged = merge_pairs(frame, "user", "item", time, outcome)
    repeated = len(frame) - len(merged.kept)
    repeats = None
    if repeated and not wanted.repeats:
        repeats = _repeats(recipe, _with_parts(recipe, frame)[0])
        frame = frame[merged.kept]
    if weightless == filtered:
        raise ShortlistError(none_left(recipe, rows, filtered))
    if recipe.vocabulary.drop_rare:
        frame = frame.filter(
            pl.len().over("user") >= recipe.vocabulary.user_frequency_threshold,
            pl.len().over("item") >= recipe.vocabulary.item_frequency_threshold,
        )
    if frame.is_empty():
        raise ShortlistError(
            f"expected at least one interaction, got 0 of {rows:,} rows: interactions.filter keeps "
            f"{filtered:,}, and vocabulary.drop_rare drops all of these. Loosen them."
        )
    if "label" in frame.columns and recipe.positive is None:
        # A label of two values defines positives as well as a condition does.
        labels = frame["label"].unique().sort()
        if len(labels) == 2:
            frame = frame.with_columns(positive=pl.col("label") == labels[1])
    frame, unparted = _with_parts(recipe, frame)
    repeats = repeats or _repeats(recipe, frame)
    return Counted(
        frame, rows, filtered, weightless, repeated, repeats, merged, per_second, unparted
    )


def _repeats(recipe: Recipe, frame: pl.DataFrame) -> Repeats:
    positives = frame if recipe.positive is None else frame.filter("positive")
    return count_repeats(positives)


def _numbers(recipe: Recipe, raw: Raw) -> tuple[pl.DataFrame, float]:
    columns = recipe.columns
    table = pl.scan_parquet(raw.interactions)
    types = table.collect_schema()
    chosen = {"user": id_of(columns.user, types), "item": id_of(columns.item, types)}
    for name, column in (("label", columns.label), ("weight", columns.weight)):
        if column is not None:
            chosen[name] = exactly(column).cast(pl.Float64)
    if (given := recipe.split.column) is not None and given in types:
        chosen[_HELD_OUT] = exactly(given)
    means = meaning(recipe, types)
    chosen["kept"], chosen["counts"] = means.filtered, means.counts
    if recipe.positive is not None:
        chosen["positive"] = means.positive
    if recipe.events is not None:
        chosen["kind"] = kinds(recipe.events.column)
    per_second = 1.0
    if columns.timestamp is not None:
        chosen["time"] = exactly(columns.timestamp).to_physical().cast(pl.Int64)
        per_second = 1e6 if types[columns.timestamp].is_temporal() else 1.0
    return table.select(**chosen).collect(engine="streaming"), per_second


def id_of(column: str, types: pl.Schema) -> pl.Expr:
    """Return an id to group and join by; text becomes categorical."""
    text = types[column] == pl.String
    return exactly(column).cast(pl.Categorical if text else pl.Int64)


def _with_parts(recipe: Recipe, frame: pl.DataFrame) -> tuple[pl.DataFrame, str | None]:
    columns = recipe.columns
    numbers = {
        columns.user: frame["user"].to_physical(),
        columns.item: frame["item"].to_physical(),
    }
    if columns.timestamp is not None:
        numbers[columns.timestamp] = frame["time"]
    if recipe.split.column is not None and _HELD_OUT in frame.columns:
        numbers[recipe.split.column] = frame[_HELD_OUT]
    try:
        parts = split_interactions(pl.DataFrame(numbers), columns, recipe.split)
    except ShortlistError as error:
        return frame.with_columns(part=pl.lit(TRAIN, pl.Int8)), str(error)
    return frame.with_columns(part=pl.Series(parts, dtype=pl.Int8)), None
