"""The interactions that count, as a few numbers each, with the part that each falls into."""

from dataclasses import dataclass

import polars as pl

from recipes.schema.recipe import Recipe
from stages.artifacts import Raw
from stages.columns import TRAIN
from stages.errors import ShortlistError
from workflows.conditions import selected
from workflows.selection import latest_rows
from workflows.splits import split_interactions

#: The column of a given split, as it is called here.
_HELD_OUT = "held_out"


@dataclass(frozen=True)
class Counted:
    """The interactions that count.

    ``frame``: ``user`` and ``item`` (Int64, or Categorical where ids are text), ``part`` (Int8, codes of
    ``workflows.splits``) and, as the recipe names them, ``time`` (integer), ``label`` and ``weight``
    (Float64); ``positive`` (Boolean) where a condition or a label of two values says so.
    """

    frame: pl.DataFrame
    #: Rows of the interactions table.
    rows: int
    #: Rows that ``interactions.filter`` keeps.
    filtered: int
    #: Rows of ``filtered`` whose user has another interaction with the same item that counts.
    repeated: int
    #: Units of ``time`` in a second.
    per_second: float
    #: Why there are no parts, and all rows are taken for training; None where there are.
    unparted: str | None


def counted_interactions(recipe: Recipe, raw: Raw) -> Counted:
    """The rows that ``shortlist prepare`` would encode, and their parts.

    The table is streamed; what stays in memory are some 40 bytes an interaction.

    Raises ``ShortlistError`` where no row is left, or a condition does not fit.
    """
    frame, per_second = _numbers(recipe, raw)
    rows = len(frame)
    wanted = recipe.interactions
    frame = frame.filter("kept").drop("kept")
    filtered = len(frame)
    time = "time" if recipe.columns.timestamp else None
    latest = latest_rows(frame, "user", "item", time)
    repeated = filtered - len(latest)
    if not wanted.repeats:
        frame = frame[latest]
    if recipe.vocabulary.drop_rare:
        frame = frame.filter(
            pl.len().over("user") >= recipe.vocabulary.user_frequency_threshold,
            pl.len().over("item") >= recipe.vocabulary.item_frequency_threshold,
        )
    if frame.is_empty():
        raise ShortlistError(
            f"0 of {rows:,} interactions count: interactions.filter keeps {filtered:,}, and "
            "vocabulary.drop_rare none of them. Loosen them."
            if recipe.vocabulary.drop_rare and filtered
            else f"0 of {rows:,} interactions count: interactions.filter `{wanted.filter}` holds "
            "for none of them. Loosen it."
        )
    if "label" in frame.columns and wanted.positive is None:
        # A label of two values tells as much as a condition.
        labels = frame["label"].unique().sort()
        if len(labels) == 2:
            frame = frame.with_columns(positive=pl.col("label") == labels[1])
    frame, unparted = _with_parts(recipe, frame)
    return Counted(frame, rows, filtered, repeated, per_second, unparted)


def _numbers(recipe: Recipe, raw: Raw) -> tuple[pl.DataFrame, float]:
    columns = recipe.columns
    table = pl.scan_parquet(raw.interactions)
    types = table.collect_schema()
    chosen = {"user": id_of(columns.user, types), "item": id_of(columns.item, types)}
    for name, column in (("label", columns.label), ("weight", columns.weight)):
        if column is not None:
            chosen[name] = pl.col(column).cast(pl.Float64)
    if (given := recipe.split.column) is not None and given in types:
        chosen[_HELD_OUT] = pl.col(given)
    chosen["kept"] = pl.lit(True)
    for name, key in (("kept", "filter"), ("positive", "positive")):
        if (text := getattr(recipe.interactions, key)) is not None:
            chosen[name] = selected(f"interactions.{key}", text, types)
    per_second = 1.0
    if columns.timestamp is not None:
        chosen["time"] = pl.col(columns.timestamp).to_physical().cast(pl.Int64)
        kind = types[columns.timestamp]
        if isinstance(kind, pl.Datetime):
            per_second = {"ms": 1e3, "us": 1e6, "ns": 1e9}[kind.time_unit]
        elif kind == pl.Date:
            per_second = 1 / 86_400
    return table.select(**chosen).collect(engine="streaming"), per_second


def id_of(column: str, types: pl.Schema) -> pl.Expr:
    """An id to group and join by: text becomes a number that stands for it."""
    text = types[column] == pl.String
    return pl.col(column).cast(pl.Categorical if text else pl.Int64)


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
