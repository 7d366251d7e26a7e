"""What ``prepare`` logs about the data before it encodes them."""

import numpy as np
import polars as pl

from features.kind import Side
from recipes.schema.recipe import Recipe
from stages.artifacts import Raw
from stages.columns import POSITIVE, exactly
from stages.log import logger
from workflows.meaning import rows_by_kind
from workflows.remarks import (
    Ids,
    feature_columns,
    of_columns,
    of_ids,
    of_interactions,
    of_kinds,
    one_outcome,
    require_weights,
)
from workflows.tables import Tables

log = logger(__name__)


def log_remarks(recipe: Recipe, tables: Tables, rows: pl.DataFrame, raw: Raw) -> None:
    """Log what is odd about the tables and the interactions that count (``workflows.selection.select``).

    Raises ``ShortlistError`` if no loss can be weighted by the weights.
    """
    columns = recipe.columns
    named = {
        "user": columns.user,
        "item": columns.item,
        "time": columns.timestamp,
        "label": columns.label,
        "weight": columns.weight,
        "positive": POSITIVE,
    }
    frame = rows.select(
        exactly(column).alias(name) for name, column in named.items() if column is not None
    )
    frame = frame.with_columns(pl.col("^(label|weight)$").cast(pl.Float64))
    if columns.weight is not None:
        require_weights(recipe, frame["weight"])
    for reason in one_outcome(recipe, frame):
        log.warning(reason)
    found = [
        *of_ids(recipe, _ids("user", rows[columns.user], tables.user_has_row)),
        *of_ids(recipe, _ids("item", rows[columns.item], tables.item_has_row)),
        *of_interactions(recipe, frame),
        *of_kinds(recipe, rows_by_kind(tables.interactions, recipe)),
        *of_columns(recipe, feature_columns(recipe, "user", raw.users)),
        *of_columns(recipe, feature_columns(recipe, "item", raw.items)),
    ]
    for remark in found:
        log.info(remark)


def _ids(side: Side, used: pl.Series, has_row: np.ndarray) -> Ids:
    """``used``: the id of each interaction, as a row of its table with every id."""
    has_interactions = np.bincount(used.to_numpy(), minlength=len(has_row)) > 0
    return Ids(
        side=side,
        rows=int(has_row.sum()),
        without_interactions=int((has_row & ~has_interactions).sum()),
        used=int(has_interactions.sum()),
        without_row=int((has_interactions & ~has_row).sum()),
    )
