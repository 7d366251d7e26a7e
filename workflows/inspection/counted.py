"""The interactions that count, as a few numbers each, with the part that each falls into."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq

from recipes.artifacts import Raw
from recipes.errors import ShortlistError
from recipes.recipe import Recipe
from workflows.conditions import Condition
from workflows.splits import TRAIN, split_interactions

#: Rows that are worked on in one go.
_ROWS_AT_ONCE = 1 << 20


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
    if wanted.positive is not None:
        holds = _mask("interactions.positive", wanted.positive, raw.interactions)
        frame = frame.with_columns(positive=holds)
    if wanted.filter is not None:
        frame = frame.filter(_mask("interactions.filter", wanted.filter, raw.interactions))
    filtered = len(frame)
    latest = _latest_of_each_pair(frame)
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


def _mask(key: str, text: str, path: Path) -> pl.Series:
    file = pq.ParquetFile(path)
    names = file.schema_arrow.names
    condition = Condition(key, text, names)
    named = sorted(set(names) & set(re.findall(r"\w+", text)))
    masks = [
        condition(batch.to_pandas(date_as_object=False)).to_numpy()
        for batch in file.iter_batches(_ROWS_AT_ONCE, columns=named)
    ]
    return pl.Series(np.concatenate(masks) if masks else [], dtype=pl.Boolean)


def _latest_of_each_pair(frame: pl.DataFrame) -> pl.Series:
    """Row numbers, ascending: of a user's interactions with an item the latest, or else the last."""
    rows = frame.select("user", "item", *({"time"} & set(frame.columns))).with_row_index("row")
    # A user's pairs are that user's alone: some users after the others take little memory.
    shares = len(frame) // _ROWS_AT_ONCE + 1
    share = pl.col("user").to_physical().cast(pl.Int64) % shares
    found = []
    for number in range(shares):
        some = rows.filter(share == number) if shares > 1 else rows
        again = some.select(pl.struct("user", "item").is_duplicated()).to_series()
        found.append(some.filter(~again)["row"])
        some = some.filter(again)  # mostly few, and only they have to be put in order
        if "time" in some.columns:
            some = some.sort("time", maintain_order=True)
        found.append(some.unique(["user", "item"], keep="last", maintain_order=True)["row"])
    return pl.concat(found).sort()


def _with_parts(recipe: Recipe, frame: pl.DataFrame) -> tuple[pl.DataFrame, str | None]:
    columns = recipe.columns
    numbers = {
        columns.user: frame["user"].to_physical().to_numpy(),
        columns.item: frame["item"].to_physical().to_numpy(),
    }
    if columns.timestamp is not None:
        numbers[columns.timestamp] = frame["time"].to_numpy()
    try:
        parts = split_interactions(pd.DataFrame(numbers, copy=False), columns, recipe.split)
    except ShortlistError as error:
        return frame.with_columns(part=pl.lit(TRAIN, pl.Int8)), str(error)
    return frame.with_columns(part=pl.Series(parts, dtype=pl.Int8)), None
