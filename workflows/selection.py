"""Select the interactions that count, with their part of the split and whether they are positives.

From here on users and items are row numbers of the users and items tables: four bytes each, whatever the
ids are, so tens of millions of interactions fit in memory.
"""

import numpy as np
import polars as pl

from recipes.schema.recipe import Recipe
from stages.artifacts import PARTS
from stages.columns import PART, POSITIVE, TRAIN, VALID, exactly
from stages.errors import ShortlistError
from stages.log import logger
from workflows.conditions import selected
from workflows.repeats import MANY, advice, count_repeats
from workflows.splits import split_interactions
from workflows.tables import Tables, id_rows

log = logger(__name__)


_USER, _ITEM, _TIME, _ROW = "user", "item", "time", "row"
#: Rows whose pairs are compared at once.
_ROWS_AT_ONCE = 1 << 20


def select(recipe: Recipe, tables: Tables) -> pl.DataFrame:
    """Return the interactions that pass the filter, each (user, item) pair once, in table order.

    A repeated pair keeps its latest interaction, at equal times the table's last. With
    ``interactions.repeats`` all are kept.
    Columns: the recipe's user and item as rows of their tables (uint32); its timestamp, label, weight and
    the column of a given split as they are; and ``POSITIVE`` (bool).
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
        *map(exactly, others),
        positive.alias(POSITIVE),
    ).collect(engine="streaming")
    total = tables.interactions.select(pl.len()).collect().item()
    if condition is not None:
        log.info(f"filter `{condition}` keeps {len(rows):,} of {total:,} interactions")
    if not len(rows):
        reason = "the interactions table is empty. Add rows to it."
        if condition is not None and total:
            reason = f"interactions.filter `{condition}` holds for none of them. Loosen it."
        raise ShortlistError(
            f"expected at least one interaction, got 0 of {total:,} rows: {reason}"
        )
    return rows if interactions.repeats else _without_repeats(recipe, rows)


def _without_repeats(recipe: Recipe, rows: pl.DataFrame) -> pl.DataFrame:
    kept, columns = _latest_of_each_pair(recipe, rows), recipe.columns
    if len(rows) - len(kept) >= MANY * len(rows):
        positives = rows.filter(POSITIVE)
        pairs = len(latest_rows(positives, columns.user, columns.item, None))
        share = 1 - pairs / max(1, len(positives))
        if (settings := advice(recipe, share)) is not None:
            log.info(f"{share:.0%} of the positives repeat an earlier one. {settings}")
    return kept


def _others(recipe: Recipe) -> list[str]:
    columns = recipe.columns
    named = (columns.timestamp, columns.label, columns.weight)
    return [name for name in named if name is not None]


def _latest_of_each_pair(recipe: Recipe, rows: pl.DataFrame) -> pl.DataFrame:
    columns = recipe.columns
    kept = latest_rows(rows, columns.user, columns.item, columns.timestamp)
    repeated = len(rows) - len(kept)
    if not repeated:
        return rows
    log.info(f"{repeated:,} repeated interactions: kept the latest of each (user, item) pair")
    return rows[kept]


def latest_rows(rows: pl.DataFrame, user: str, item: str, timestamp: str | None) -> pl.Series:
    """Return row numbers, ascending: the latest of each (user, item) pair, or its last without times."""
    columns = [rows[user].alias(_USER), rows[item].alias(_ITEM)]
    if timestamp is not None:
        columns.append(rows[timestamp].alias(_TIME))
    numbered = pl.DataFrame(columns).with_row_index(_ROW)
    # Users' pairs are independent of each other: a share of the users at a time saves memory.
    shares = len(rows) // _ROWS_AT_ONCE + 1
    share = pl.col(_USER).to_physical().cast(pl.Int64) % shares
    found = []
    for number in range(shares):
        some = numbered.filter(share == number) if shares > 1 else numbered
        again = some.select(pl.struct(_USER, _ITEM).is_duplicated()).to_series()
        found.append(some.filter(~again)[_ROW])
        some = some.filter(again)  # usually few, and only these need sorting
        if timestamp is not None:
            some = some.sort(_TIME, maintain_order=True)
        found.append(some.unique([_USER, _ITEM], keep="last", maintain_order=True)[_ROW])
    return pl.concat(found).sort()


def without_rare(recipe: Recipe, tables: Tables, rows: pl.DataFrame) -> tuple[Tables, pl.DataFrame]:
    """Keep the interactions whose user and item both occur often enough, and reduce the tables to match."""
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
            f"expected at least one interaction, got 0 of {len(rows):,}: vocabulary.drop_rare drops "
            "all of them. Lower the frequency thresholds."
        )
    left = rows.filter(pl.Series(kept))
    users, left = _renumbered(left, columns.user)
    items, left = _renumbered(left, columns.item)
    log.info(
        f"dropped rare users and items: kept {len(left):,} of {len(rows):,} interactions, "
        f"{len(users):,} users, {len(items):,} items"
    )
    return tables.only(users, items), left


def _renumbered(rows: pl.DataFrame, column: str) -> tuple[np.ndarray, pl.DataFrame]:
    """Return the rows of a users or items table that occur, and the interactions renumbered to match."""
    ids = rows[column].to_numpy()
    occurs = np.bincount(ids) > 0
    numbers = (np.cumsum(occurs) - 1).astype(np.uint32)
    return np.flatnonzero(occurs), rows.with_columns(pl.Series(column, numbers[ids]))


def with_parts(recipe: Recipe, rows: pl.DataFrame) -> pl.DataFrame:
    """Add the column ``PART`` to the interactions and drop that of a given split.

    Raises ``ShortlistError`` if a part would be empty, or train or valid would have no positives.
    """
    columns = recipe.columns
    parts = split_interactions(rows, columns, recipe.split)
    counts = [f"{int((parts == code).sum()):,} {name}" for code, name in enumerate(PARTS)]
    log.info(f"{recipe.split.kind} split: {', '.join(counts)} interactions")
    if (condition := recipe.interactions.positive) is not None:
        positive = rows[POSITIVE].to_numpy()
        log.info(f"{int(positive.sum()):,} of them are positives: `{condition}` holds")
        _require_positives(condition, parts, positive)
    if (given := recipe.split.column) is not None and given not in _others(recipe):
        rows = rows[[name for name in rows.columns if name != given]]
    rows = rows.with_columns(pl.Series(PART, parts))
    if recipe.interactions.repeats:
        positives = rows.filter(pl.col(POSITIVE))
        ids = positives[columns.user].alias("user"), positives[columns.item].alias("item")
        repeats = count_repeats(pl.DataFrame([*ids, positives[PART]]), "user", "item", PART)
        settings = advice(recipe, repeats.share)
        log.info(f"repeat consumption in the test part: {repeats}. {settings or ''}".strip())
    return rows


def _require_positives(condition: str, parts: np.ndarray, positive: np.ndarray) -> None:
    for code in (TRAIN, VALID):
        if not positive[parts == code].any():
            raise ShortlistError(
                f"expected positives in the {PARTS[code]} part, got none: interactions.positive "
                f"`{condition}` holds for none of its {int((parts == code).sum()):,} interactions. "
                "Loosen it."
            )
