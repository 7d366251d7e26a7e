"""Splitting interactions into train, valid and test."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from recipes.schema.data import Columns, Split
from stages.columns import TEST, TRAIN, VALID
from stages.errors import ShortlistError
from tests.splits import split_table
from workflows.splits import (
    last_holdout,
    random_holdout,
    split_interactions,
    stratified_holdout,
    temporal_holdout,
)

COLUMNS = Columns(user="user", item="item", timestamp="at")


def test_stratified_draws_in_table_order_and_ranks_within_the_group() -> None:
    """RandomState(42) draws .37 .95 .73 .60 .16 .16 .06 .87 .60; b: 3 of 4 stay, a: 4 of 5 do."""
    groups = np.array(["b", "a", "b", "a", "b", "a", "b", "a", "a"])
    # b draws .37 .73 .16 .06 (rows 0 2 4 6): the highest, row 2, leaves.
    # a draws .95 .60 .16 .87 .60 (rows 1 3 5 7 8): 0.75 * 5 = 3.75 -> 4 stay, row 1 leaves.
    assert np.flatnonzero(stratified_holdout(groups, 0.25, 42)).tolist() == [1, 2]


def test_stratified_rounds_halves_to_even() -> None:
    """0.75 * 2 = 1.5 -> 2 and 0.75 * 6 = 4.5 -> 4: a pair stays whole, two of six leave."""
    groups = np.array(["a"] * 2 + ["b"] * 6)
    held_out = stratified_holdout(groups, 0.25, 42)
    assert (held_out[:2].sum(), held_out[2:].sum()) == (0, 2)


def test_random_holds_out_the_head_of_a_permutation() -> None:
    """RandomState(42).permutation(8) begins 1 5 0; of 8 rows 0.3 -> floor(5.6) = 5 stay."""
    assert np.flatnonzero(random_holdout(8, 0.3, 42)).tolist() == [0, 1, 5]


def test_temporal_holds_out_the_latest_and_breaks_ties_by_row() -> None:
    """The two latest of four rows leave; of the three with equal times the first stays."""
    times = np.array([5, 9, 5, 5])
    assert np.flatnonzero(temporal_holdout(times, 0.5)).tolist() == [1, 3]


def test_last_out_takes_one_row_of_each_user_that_has_two() -> None:
    """The latest row, of equal ones the later in the table; a single row stays."""
    users = np.array(["a", "b", "a", "c", "b"])
    times = np.array([7, 1, 3, 2, 1])
    assert np.flatnonzero(last_holdout(users, times)).tolist() == [0, 4]


@pytest.mark.parametrize("kind", ["random", "stratified", "temporal", "leave-last-out"])
@given(
    rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), min_size=12, max_size=60),
    seed=st.integers(0, 5),
)
@settings(max_examples=40, deadline=None)
def test_each_row_has_one_part_and_the_same_one_again(
    kind: str, rows: list[tuple[int, int]], seed: int
) -> None:
    """Any table: the same seed gives the same parts, and splits by time do not look ahead."""
    table = pl.DataFrame(rows, ["user", "at"], orient="row").with_row_index("item")
    split = Split.model_validate(split_table(kind, test=0.4, valid=0.4, seed=seed))
    try:
        parts = split_interactions(table, COLUMNS, split)
    except ShortlistError:
        reject()  # a part would be empty: see test_prepare_bad_input
    assert parts.tolist() == split_interactions(table, COLUMNS, split).tolist()
    assert {TRAIN, VALID, TEST} == set(parts.tolist())
    if kind == "temporal":
        at = table["at"].to_numpy()
        assert at[parts == TRAIN].max() <= at[parts == VALID].min()
        assert at[parts == VALID].max() <= at[parts == TEST].min()
    if kind == "leave-last-out":
        latest = table.filter(parts != TEST).group_by("user").agg(pl.max("at").alias("latest"))
        tested = table.filter(parts == TEST).join(latest, on="user")
        assert (tested["at"] >= tested["latest"]).all()


def test_the_valid_part_is_cut_from_what_the_test_part_left() -> None:
    """100 rows, 25 % and then 20 % of the rest: 60, 15 and 25; the test part does not change."""
    table = pl.DataFrame({"user": range(100), "item": range(100)})
    split = Split(kind="random", test=0.25, valid=0.2, seed=3)
    parts = split_interactions(table, COLUMNS, split)
    assert np.bincount(parts).tolist() == [60, 15, 25]
    assert ((parts == TEST) == random_holdout(100, 0.25, 3)).all()


def test_no_test_part_may_be_asked_for() -> None:
    """test = 0: everything is in the training part, which is no error."""
    table = pl.DataFrame({"user": range(10), "item": range(10)})
    parts = split_interactions(table, COLUMNS, Split(kind="random", test=0.0, valid=0.2))
    assert np.bincount(parts, minlength=3).tolist() == [8, 2, 0]


@pytest.mark.parametrize("kind", ["temporal", "leave-last-out"])
def test_a_split_in_time_needs_times(kind: str) -> None:
    """Without a timestamp column the message says which key to add."""
    table = pl.DataFrame({"user": [1, 1, 1], "item": [1, 2, 3]})
    split = Split.model_validate({"kind": kind})
    with pytest.raises(ShortlistError, match=r"columns\.timestamp"):
        split_interactions(table, Columns(user="user", item="item"), split)


GIVEN = Split(kind="given", column="held_out", by="user", valid=0.5, seed=3)


@pytest.mark.parametrize("dtype", [pl.Boolean, pl.Int64])
def test_a_given_test_part_is_kept_and_valid_is_cut_from_the_rest(dtype: pl.DataType) -> None:
    """Whatever its share; half of each user's other rows are for validation."""
    held_out = pl.Series([True, False, False, False, True, True, False, False]).cast(dtype)
    users = pl.Series(list("aaaaabbb"))
    table = pl.DataFrame({"user": users, "item": range(8), "at": range(8), "held_out": held_out})
    parts = split_interactions(table, COLUMNS, GIVEN)
    assert np.flatnonzero(parts == TEST).tolist() == [0, 4, 5]
    chosen = users.filter(pl.Series(parts == VALID)).to_list()
    assert sorted(chosen) in (["a", "b"], ["a", "a", "b"])


def test_a_given_part_needs_a_column_that_says_so() -> None:
    """The message names a missing column, or a value that is neither true nor false."""
    table = pl.DataFrame({"user": ["a", "b"], "item": [1, 2], "at": [1, 2]})
    with pytest.raises(
        ShortlistError, match=r"split.column 'held_out' among .* got: user, item, at"
    ):
        split_interactions(table, COLUMNS, GIVEN)
    for strange, dtype in (("maybe", pl.String), (2, pl.Int64), (None, pl.Boolean)):
        column = pl.Series("held_out", [strange, strange], dtype)
        with pytest.raises(ShortlistError, match=f"to be true or false .* got {strange!r}"):
            split_interactions(table.with_columns(column), COLUMNS, GIVEN)


def test_a_given_split_without_a_test_part_is_refused() -> None:
    """A column that is false everywhere holds nothing out."""
    table = pl.DataFrame({"user": list("aabb"), "item": range(4), "at": range(4)})
    with pytest.raises(ShortlistError, match="rows in the test part of the split, got none"):
        split_interactions(table.with_columns(held_out=False), COLUMNS, GIVEN)
