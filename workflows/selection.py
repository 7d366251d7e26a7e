"""Raw interactions -> those that count, each with its part of the split and whether it is a positive.

Users and items are the numbers of their rows in the users and items tables from here on: four bytes
each, whatever the ids are, so that tens of millions of interactions fit in memory.
"""

import numpy as np
import polars as pl

from recipes.schema.recipe import Recipe
from stages.artifacts import PARTS
from stages.columns import PART, POSITIVE, TRAIN, VALID
from stages.errors import ShortlistError
from stages.log import logger
from workflows.conditions import selected
from workflows.splits import split_interactions
from workflows.tables import Tables, id_rows

log = logger(__name__)


_ROW = "__row"
#: Rows whose pairs are looked at in one go.
_ROWS_AT_ONCE = 1 << 20


def select(recipe: Recipe, tables: Tables) -> pl.DataFrame:
    """The interactions that count, in table order: the filter holds, each (user, item) pair once.

    Of several interactions of a pair the latest is kept; of equally late ones the table's last. With
    ``interactions.repeats`` all are kept.
    Columns: the recipe's user and item as rows of their tables (uint32), its timestamp, label,
    weight and the column of a given split as they come, and ``POSITIVE`` (bool).
    """
    columns, interactions = recipe.columns, recipe.interactions
    schema = tables.interactions.collect_schema()
    chosen, condition = tables.interactions, interactions.filter
    if condition is not None:
        chosen = chosen.filter(selected("interactions.filter", condition, schema))
    positive = pl.lit(True)
    if interactions.positive is not None:
        positive = selected("interactions.positive", interactions.positive, schema)
    others = _others(recipe)
    given = recipe.split.column
    if given is not None and given in schema and given not in others:
        others.append(given)
    rows = chosen.select(
        id_rows(tables.users, columns.user).of(columns.user),
        id_rows(tables.items, columns.item).of(columns.item),
        *(_time(name) if schema[name] == pl.Date else pl.col(name) for name in others),
        positive.alias(POSITIVE),
    ).collect(engine="streaming")
    total = tables.interactions.select(pl.len()).collect().item()
    if condition is not None:
        log.info(f"filter `{condition}` keeps {len(rows):,} of {total:,} interactions")
    if not len(rows):
        reason = "the interactions table is empty. Give it rows."
        if condition is not None and total:
            reason = f"interactions.filter `{condition}` holds for none of them. Loosen it."
        raise ShortlistError(f"0 of {total:,} interactions are left: {reason}")
    return rows if interactions.repeats else _latest_of_each_pair(recipe, rows)


def _others(recipe: Recipe) -> list[str]:
    columns = recipe.columns
    return [name for name in (columns.timestamp, columns.label, columns.weight) if name]


def _time(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Datetime("ms"))


def _latest_of_each_pair(recipe: Recipe, rows: pl.DataFrame) -> pl.DataFrame:
    columns = recipe.columns
    kept = latest_rows(rows, columns.user, columns.item, columns.timestamp)
    repeated = len(rows) - len(kept)
    if not repeated:
        return rows
    log.info(f"{repeated:,} repeated interactions of a user with an item: kept the latest")
    return rows[kept]


def latest_rows(rows: pl.DataFrame, user: str, item: str, timestamp: str | None) -> pl.Series:
    """Row numbers, ascending: of a user's interactions with an item the latest, or else the last."""
    numbered = rows.select(user, item, *filter(None, [timestamp])).with_row_index(_ROW)
    # A user's pairs are that user's alone: some users after the others take little memory.
    shares = len(rows) // _ROWS_AT_ONCE + 1
    share = pl.col(user).to_physical().cast(pl.Int64) % shares
    found = []
    for number in range(shares):
        some = numbered.filter(share == number) if shares > 1 else numbered
        again = some.select(pl.struct(user, item).is_duplicated()).to_series()
        found.append(some.filter(~again)[_ROW])
        some = some.filter(again)  # mostly few, and only they have to be put in order
        if timestamp is not None:
            some = some.sort(timestamp, maintain_order=True)
        found.append(some.unique([user, item], keep="last", maintain_order=True)[_ROW])
    return pl.concat(found).sort()


def without_rare(recipe: Recipe, tables: Tables, rows: pl.DataFrame) -> tuple[Tables, pl.DataFrame]:
    """The interactions whose user and whose item both occur often enough, and only their tables."""
    columns, vocabulary = recipe.columns, recipe.vocabulary
    kept = np.ones(len(rows), bool)
    for column, least in (
        (columns.user, vocabulary.user_frequency_threshold),
        (columns.item, vocabulary.item_frequency_threshold),
    ):
        ids = rows[column].to_numpy()
        kept &= np.bincount(ids)[ids] >= least
    if not kept.any():
        raise ShortlistError(
            f"0 of {len(rows):,} interactions are left: vocabulary.drop_rare leaves out "
            "every one of them. Lower the frequency thresholds."
        )
    left = rows.filter(pl.Series(kept))
    users, left = _renumbered(left, columns.user)
    items, left = _renumbered(left, columns.item)
    log.info(
        f"without rare users and items: {len(left):,} of {len(rows):,} interactions, "
        f"{len(users):,} users, {len(items):,} items"
    )
    return tables.only(users, items), left


def _renumbered(rows: pl.DataFrame, column: str) -> tuple[np.ndarray, pl.DataFrame]:
    """The rows of a users or items table that occur, and the interactions with these numbered anew."""
    ids = rows[column].to_numpy()
    occurs = np.bincount(ids) > 0
    numbers = (np.cumsum(occurs) - 1).astype(np.uint32)
    return np.flatnonzero(occurs), rows.with_columns(pl.Series(column, numbers[ids]))


def with_parts(recipe: Recipe, rows: pl.DataFrame) -> pl.DataFrame:
    """The interactions with the column ``PART`` beside them, without that of a given split.

    Raises ``ShortlistError`` where a part, or its positives, would be empty.
    """
    parts = split_interactions(rows, recipe.columns, recipe.split)
    counts = [f"{int((parts == code).sum()):,} {name}" for code, name in enumerate(PARTS)]
    log.info(f"{recipe.split.kind} split: {', '.join(counts)} interactions")
    if (condition := recipe.interactions.positive) is not None:
        positive = rows[POSITIVE].to_numpy()
        log.info(f"`{condition}` holds for {int(positive.sum()):,} of them: the positives")
        _require_positives(condition, parts, positive)
    if (given := recipe.split.column) is not None and given not in _others(recipe):
        rows = rows.drop(given)
    return rows.with_columns(pl.Series(PART, parts))


def _require_positives(condition: str, parts: np.ndarray, positive: np.ndarray) -> None:
    for code in (TRAIN, VALID):
        if not positive[parts == code].any():
            raise ShortlistError(
                f"the {PARTS[code]} part has no positive: interactions.positive `{condition}` holds "
                f"for none of its {int((parts == code).sum()):,} interactions. Loosen it."
            )
