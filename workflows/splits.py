"""Split interactions into train, valid and test: one part per row, the same for the same seed.

``random`` and ``stratified`` select exactly the rows of ``python_random_split`` and
``python_stratified_split`` of recommenders-team/recommenders for the same ratio and seed, so figures are
comparable. Both depend on the row order of the table, which must be that of the source. ``given``: the
source marks the test part.
"""

import numpy as np
import pandas as pd
import polars as pl

from recipes.schema.data import Columns, Split
from stages.columns import TEST, TRAIN, VALID, values_of
from stages.errors import ShortlistError

#: Splits by time, in which a row may only see what happened before it.
IN_TIME = ("temporal", "leave-last-out")


def split_interactions(interactions: pl.DataFrame, columns: Columns, split: Split) -> np.ndarray:
    """Return the part of each row: int8 [rows], ``TRAIN``, ``VALID`` or ``TEST``.

    The test part is cut first, then the valid part from the remainder in the same way, with the next
    seed. ``valid`` is a share of the training part.

    Raises ``ShortlistError`` if a part would be empty, a split by time has no timestamp, or a given split
    has no column that marks the test rows.
    """
    if split.kind in IN_TIME and columns.timestamp is None:
        raise ShortlistError(
            f"expected columns.timestamp in the recipe for split.kind '{split.kind}', got none. "
            "Name the timestamp column, or use kind 'stratified'."
        )
    parts = np.full(len(interactions), TRAIN, np.int8)
    if split.kind == "given":
        parts[_given(interactions, split)] = TEST
    elif split.test > 0 or split.kind == "leave-last-out":
        parts[_held_out(interactions, columns, split, split.test, split.seed)] = TEST
    training = np.flatnonzero(parts == TRAIN)
    rest = interactions[training]
    parts[training[_held_out(rest, columns, split, split.valid, split.seed + 1)]] = VALID
    _require_rows(parts, split)
    return parts


def _held_out(
    table: pl.DataFrame, columns: Columns, split: Split, share: float, seed: int
) -> np.ndarray:
    """Mask the rows that leave the training part."""
    if split.kind == "random":
        return random_holdout(len(table), share, seed)
    if split.kind in ("stratified", "given"):
        groups = table[columns.user if split.by == "user" else columns.item].to_numpy()
        return stratified_holdout(groups, share, seed)
    assert columns.timestamp is not None  # checked above
    times = table[columns.timestamp].to_numpy()
    if split.kind == "temporal":
        return temporal_holdout(times, share)
    return last_holdout(table[columns.user].to_numpy(), times)


def _given(interactions: pl.DataFrame, split: Split) -> np.ndarray:
    """Mask the rows that the source holds out."""
    assert split.column is not None  # checked when the recipe was loaded
    if split.column not in interactions.columns:
        raise ShortlistError(
            f"expected split.column '{split.column}' among the columns of the interactions, got: "
            f"{', '.join(interactions.columns)}. Name the column that is true in the test part."
        )
    column = values_of(interactions, split.column)
    numbers = column.cast(pl.Float64, strict=False)
    if not (valid := numbers.is_in([0.0, 1.0]).fill_null(False)).all():
        raise ShortlistError(
            f"expected split.column '{split.column}' to be true or false (or 1 or 0) in every row, "
            f"to mark the test part, got {column.filter(~valid)[0]!r}. Fix the table, or use "
            "split.kind 'stratified'."
        )
    return (numbers == 1.0).to_numpy()


def random_holdout(rows: int, share: float, seed: int) -> np.ndarray:
    """Mask the first rows of a seeded permutation; the training part keeps floor((1 - share) * rows)."""
    held_out = rows - int(np.floor((1 - share) * rows))
    mask = np.zeros(rows, bool)
    mask[np.random.RandomState(seed).permutation(rows)[:held_out]] = True
    return mask


def stratified_holdout(groups: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Mask the rows of each group that draw the highest numbers.

    Each row draws a number, in table order; a group keeps its round((1 - share) * size) lowest, with
    halves rounded to even.
    """
    drawn = np.random.RandomState(seed).rand(len(groups))
    codes = pd.factorize(groups)[0]
    order = np.lexsort((drawn, codes))
    sizes = np.bincount(codes)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int64)
    rank = np.empty(len(codes), np.int64)
    rank[order] = np.arange(len(codes)) - starts[codes[order]] + 1
    return rank > np.round((1 - share) * sizes[codes])


def temporal_holdout(times: np.ndarray, share: float) -> np.ndarray:
    """Mask the latest rows of the whole table; equal times keep table order."""
    order = np.argsort(times, kind="stable")
    mask = np.zeros(len(times), bool)
    mask[order[int(np.round((1 - share) * len(times))) :]] = True
    return mask


def last_holdout(users: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Mask each user's latest row, for users with at least two; equal times keep table order."""
    codes = pd.factorize(users)[0]
    order = np.lexsort((times, codes))
    ends = np.cumsum(np.bincount(codes)) - 1
    last = order[ends]
    mask = np.zeros(len(codes), bool)
    mask[last] = True
    return mask & (np.bincount(codes)[codes] > 1)


def _require_rows(parts: np.ndarray, split: Split) -> None:
    counts = np.bincount(parts, minlength=3)
    for code, name in ((TRAIN, "training"), (VALID, "valid"), (TEST, "test")):
        wanted = code != TEST or split.test > 0 or split.kind in ("leave-last-out", "given")
        if counts[code] == 0 and wanted:
            raise ShortlistError(
                f"expected rows in the {name} part of the split, got none of {len(parts)} "
                f"interactions with split.kind '{split.kind}', test = {split.test}, "
                f"valid = {split.valid}. Provide more interactions, a looser interactions.filter, "
                "larger shares, or split.kind 'random'."
            )
