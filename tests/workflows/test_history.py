"""Each user's other interactions as a list, never with the target."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.columns import TEST, TRAIN, VALID
from workflows.operators.history import history_lists


def lists(rows: list[tuple[str, int, int]], length: int, earlier_only: bool) -> list[list[int]]:
    users, items, parts = (np.array(column) for column in zip(*rows, strict=True))
    values, offsets = history_lists(
        users, items, parts, np.ones(len(users), bool), length, earlier_only
    )
    return [values[a:b].tolist() for a, b in pairwise(offsets)]


ROWS = [
    ("ann", 10, TRAIN),
    ("bob", 20, TRAIN),
    ("ann", 11, VALID),
    ("ann", 12, TRAIN),
    ("ann", 13, TEST),
    ("bob", 21, TEST),
    ("ann", 14, TRAIN),
]


def test_earlier_only_shows_what_lies_before_the_row() -> None:
    """Train and valid rows see earlier train rows, test rows earlier train and valid rows."""
    assert lists(ROWS, 9, True) == [[], [], [10], [10], [10, 11, 12], [20], [10, 12]]


def test_out_of_time_shows_all_others_of_the_visible_parts() -> None:
    """Later rows show too, in time order; a row of train does not show itself."""
    assert lists(ROWS, 9, False) == [
        [12, 14],
        [],
        [10, 12, 14],
        [10, 14],
        [10, 11, 12, 14],
        [20],
        [10, 12],
    ]


def test_the_most_recent_are_kept() -> None:
    """With a length of two the oldest drop out; leaving the target out makes room for an older one."""
    assert lists(ROWS, 2, False) == [[12, 14], [], [12, 14], [10, 14], [12, 14], [20], [10, 12]]
    assert lists(ROWS, 2, True) == [[], [], [10], [10], [11, 12], [20], [10, 12]]


def slow_history(
    rows: list[tuple[str, int, int]], row: int, length: int, earlier_only: bool
) -> list[int]:
    user, _, part = rows[row]
    visible = (TRAIN, VALID) if part == TEST else (TRAIN,)
    seen = [
        item
        for number, (other, item, its_part) in enumerate(rows)
        if other == user
        and its_part in visible
        and number != row
        and (number < row or not earlier_only)
    ]
    return seen[-length:]


@given(
    rows=st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, 4), st.integers(0, 2)),
        min_size=1,
        max_size=40,
    ),
    length=st.integers(1, 6),
    earlier_only=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_any_table_agrees_with_the_definition(
    rows: list[tuple[str, int, int]], length: int, earlier_only: bool
) -> None:
    """Row by row the same as the definition read literally; item numbers may repeat."""
    expected = [slow_history(rows, row, length, earlier_only) for row in range(len(rows))]
    assert lists(rows, length, earlier_only) == expected


@given(
    rows=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2)), min_size=1, max_size=40),
    length=st.integers(1, 6),
    earlier_only=st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_nothing_leaks(rows: list[tuple[str, int]], length: int, earlier_only: bool) -> None:
    """With items numbered by row: no target, no test row, no other user, nothing from the future."""
    numbered = [(user, number, part) for number, (user, part) in enumerate(rows)]
    for row, history in enumerate(lists(numbered, length, earlier_only)):
        user, _, part = numbered[row]
        assert row not in history
        assert history == sorted(history)
        assert all(numbered[other][0] == user for other in history)
        assert all(numbered[other][2] != TEST for other in history)
        if part != TEST:
            assert all(numbered[other][2] == TRAIN for other in history)
        if earlier_only:
            assert all(other < row for other in history)
