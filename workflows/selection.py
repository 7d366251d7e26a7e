"""Select the interactions that count, with their part of the split and whether they are positives.

From here on users and items are row numbers of the users and items tables: four bytes each, whatever the
ids are, so tens of millions of interactions fit in memory.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from recipes.resolution.facts import Facts
from recipes.schema.recipe import Recipe
from stages.artifacts import PARTS
from stages.columns import EVENT_WEIGHT, OWN, PART, POSITIVE, SEEN, TEST, TRAIN, VALID, exactly
from stages.errors import ShortlistError
from stages.log import logger
from workflows.meaning import meaning
from workflows.repeats import MANY, advice, count_repeats
from workflows.splits import split_interactions
from workflows.tables import Tables, id_rows

log = logger(__name__)


_USER, _ITEM, _TIME, _POSITIVE, _ROW = "user", "item", "time", "positive", "row"
_COUNTS = f"{OWN}counts"
#: Rows whose pairs are compared at once.
_ROWS_AT_ONCE = 1 << 20


def select(recipe: Recipe, tables: Tables) -> pl.DataFrame:
    """Return the interactions that pass the filter, each (user, item) pair once, in table order.

    A pair is a positive if any of its interactions is: it keeps its latest positive interaction, or else its
    latest one; at equal times, the table's last. It is seen if any of its interactions shows that. With
    ``interactions.repeats`` all are kept.
    Columns: the recipe's user and item as rows of their tables (uint32); its timestamp, label, weight
    (``Recipe.weight``) and the column of a given split as they are; ``POSITIVE`` (bool); and ``SEEN`` (bool)
    if that may differ.
    """
    columns, interactions = recipe.columns, recipe.interactions
    schema = tables.interactions.collect_schema()
    means = meaning(recipe, schema)
    others = _others(recipe)
    given = recipe.split.column
    if given is not None and given in schema and given not in others:
        others.append(given)
    chosen = tables.interactions
    if interactions.filter is not None:
        chosen = chosen.filter(means.filtered)
    computed = {POSITIVE: means.positive, SEEN: means.seen, _COUNTS: means.counts}
    if recipe.weight == EVENT_WEIGHT:
        computed[EVENT_WEIGHT] = means.weight
    rows = chosen.select(
        id_rows(tables.users, columns.user).of(columns.user),
        id_rows(tables.items, columns.item).of(columns.item),
        *map(exactly, others),
        **{name: each for name, each in computed.items() if each is not None},
    ).collect(engine="streaming")
    total = tables.interactions.select(pl.len()).collect().item()
    if interactions.filter is not None:
        log.info(f"filter `{interactions.filter}` keeps {len(rows):,} of {total:,} interactions")
    filtered = len(rows)
    rows = rows.filter(_COUNTS).drop(_COUNTS)
    if len(rows) < filtered:
        log.info(f"dropped {filtered - len(rows):,} interactions with weight 0")
    if not len(rows):
        raise ShortlistError(none_left(recipe, total, filtered))
    return rows if interactions.repeats else _without_repeats(recipe, rows)


def none_left(recipe: Recipe, total: int, filtered: int) -> str:
    """Why no interaction of ``total`` counts; ``filtered``: how many the filter keeps."""
    condition = recipe.interactions.filter
    reason = "the interactions table is empty. Add rows to it."
    if filtered:
        key = "columns.weight" if recipe.columns.weight is not None else "events.weights"
        reason = f"all that are left have weight 0 ({key}). Raise the weights."
    elif condition is not None and total:
        reason = f"interactions.filter `{condition}` holds for none of them. Loosen it."
    return f"expected at least one interaction, got 0 of {total:,} rows: {reason}"


def _without_repeats(recipe: Recipe, rows: pl.DataFrame) -> pl.DataFrame:
    columns = recipe.columns
    merged = merge_pairs(rows, columns.user, columns.item, columns.timestamp, POSITIVE)
    repeated = len(rows) - len(merged.kept)
    if not repeated:
        return rows
    if recipe.positive is None:
        log.info(f"{repeated:,} repeated interactions: kept the latest of each (user, item) pair")
    else:
        log.info(
            f"{repeated:,} repeated interactions: kept the latest positive of each (user, item) pair, or "
            f"else its latest; {merged.positives_merged:,} of them are further positives of their pair, "
            f"and {merged.positive_before:,} pairs are positives although their latest interaction is not"
        )
    if repeated >= MANY * len(rows):
        share = merged.positives_merged / max(1, int(rows[POSITIVE].sum()))
        if (settings := advice(recipe, share)) is not None:
            log.info(f"{share:.0%} of the positives repeat an earlier one. {settings}")
    if SEEN in rows.columns:
        pair = (exactly(columns.user), exactly(columns.item))
        rows = rows.with_columns(pl.col(SEEN).any().over(*pair))
    return rows[merged.kept]


def _others(recipe: Recipe) -> list[str]:
    columns = recipe.columns
    named = (columns.timestamp, columns.label, columns.weight)
    return [name for name in named if name is not None]


@dataclass(frozen=True)
class Merged:
    """``kept``: row numbers, ascending, one for each (user, item) pair.

    ``positives_merged``: positives that are not kept. ``positive_before``: pairs that are positives although
    their latest row is not.
    """

    kept: pl.Series
    positives_merged: int
    positive_before: int


def merge_pairs(
    rows: pl.DataFrame, user: str, item: str, timestamp: str | None, positive: str | None
) -> Merged:
    """Choose a row for each pair: its latest positive, or else its latest; without times, the last.

    ``positive``: the column that marks positives; without it all rows are.
    """
    columns = [rows[user].alias(_USER), rows[item].alias(_ITEM)]
    if timestamp is not None:
        columns.append(rows[timestamp].alias(_TIME))
    marks = None if positive is None or rows[positive].all() else rows[positive].alias(_POSITIVE)
    if marks is not None:
        columns.append(marks)
    numbered = pl.DataFrame(columns).with_row_index(_ROW)
    # Users' pairs are independent of each other: a share of the users at a time saves memory.
    shares = len(rows) // _ROWS_AT_ONCE + 1
    share = pl.col(_USER).to_physical().cast(pl.Int64) % shares
    found = []
    positive_before = 0
    for number in range(shares):
        some = numbered.filter(share == number) if shares > 1 else numbered
        again = some.select(pl.struct(_USER, _ITEM).is_duplicated()).to_series()
        found.append(some.filter(~again)[_ROW])
        some = some.filter(again)  # usually few, and only these need sorting
        if timestamp is not None:
            some = some.sort(_TIME, maintain_order=True)
        latest = some.unique([_USER, _ITEM], keep="last", maintain_order=True)
        if marks is not None:
            positives_last = some.sort(_POSITIVE, maintain_order=True)
            kept = positives_last.unique([_USER, _ITEM], keep="last", maintain_order=True)
            positive_before += int(kept[_POSITIVE].sum()) - int(latest[_POSITIVE].sum())
            latest = kept
        found.append(latest[_ROW])
    kept_rows = pl.concat(found).sort()
    merged = len(rows) - len(kept_rows)
    if marks is not None:
        merged = int(marks.sum()) - int(marks.gather(kept_rows).sum())
    return Merged(kept_rows, merged, positive_before)


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
    if (condition := recipe.positive) is not None:
        positive = rows[POSITIVE].to_numpy()
        others = len(rows) - int(positive.sum())
        log.info(
            f"{int(positive.sum()):,} of them are positives: `{condition}` holds; {others:,} are not"
        )
        _require_positives(recipe.positive_key, condition, parts, positive)
    if (given := recipe.split.column) is not None and given not in _others(recipe):
        rows = rows[[name for name in rows.columns if name != given]]
    rows = rows.with_columns(pl.Series(PART, parts))
    if recipe.interactions.repeats:
        positives = rows.filter(pl.col(POSITIVE))
        named = {"user": columns.user, "item": columns.item, "part": PART}
        repeats = count_repeats(positives.select(exactly(of).alias(to) for to, of in named.items()))
        settings = advice(recipe, repeats.share)
        log.info(f"repeat consumption in the test part: {repeats}. {settings or ''}".strip())
    return rows


def facts_of(recipe: Recipe, rows: pl.DataFrame) -> Facts:
    """The facts from which rules decide what the recipe does not say; ``rows`` with their ``PART``."""
    training = rows.filter(pl.col(POSITIVE) & (pl.col(PART) != TEST))
    per_user = np.bincount(training[recipe.columns.user].to_numpy())
    per_item = np.bincount(training[recipe.columns.item].to_numpy())
    return Facts(
        interactions=len(training),
        users=int(np.count_nonzero(per_user)),
        items=int(np.count_nonzero(per_item)),
        median_per_user=float(np.median(per_user[per_user > 0])),
        held_out=int((training[PART] == VALID).sum()),
    )


def _require_positives(key: str, condition: str, parts: np.ndarray, positive: np.ndarray) -> None:
    for code in (TRAIN, VALID):
        if not positive[parts == code].any():
            raise ShortlistError(
                f"expected positives in the {PARTS[code]} part, got none: {key} "
                f"`{condition}` holds for none of its {int((parts == code).sum()):,} interactions. "
                "Loosen it, or change split.valid or split.kind."
            )
