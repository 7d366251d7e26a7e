"""Target encoding: means by hand, and never a row's own target."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.target_statistics import TargetStatistics, target_statistics
from stages.columns import PART, TEST, TRAIN, VALID

COUNTRIES = pl.DataFrame({"country": ["DE", "FR", "DE", None]})
#: User, item and target; items 0 and 2 are in fold 0, item 1 is in fold 1.
ROWS = [(0, 0, 1.0), (0, 1, 0.0), (1, 0, 1.0), (2, 1, 1.0), (2, 2, 0.0)]


def statistics(
    rows: list[tuple[int, int, float]], smoothing: float = 1.0, folds: int = 2
) -> TargetStatistics:
    users, items, targets = (np.array(column) for column in zip(*rows, strict=True))
    training = pl.DataFrame({"who": users, "what": items})
    return target_statistics("who", "what", COUNTRIES, training, targets, smoothing, folds)


def told(found: TargetStatistics, rows: list[tuple[int, int, float]], part: int) -> np.ndarray:
    users, items, _ = (np.array(column) for column in zip(*rows, strict=True))
    pairs = pl.DataFrame({"who": users, "what": items, PART: np.full(len(users), part)})
    return found.of_interactions(pairs, found.means)


def test_means_by_hand() -> None:
    """DE and FR without fold 0, without fold 1, and over all; null, without rows, has the overall mean."""
    found = statistics(ROWS)
    expected = {
        "DE": [(1 + 1 / 2) / 3, (1 + 2 / 3) / 3, (2 + 3 / 5) / 5],
        "FR": [(0 + 1 / 2) / 1, (1 + 2 / 3) / 2, (1 + 3 / 5) / 2],
        None: [1 / 2, 2 / 3, 3 / 5],
    }
    assert found.categories["country"].to_list() == list(expected)
    np.testing.assert_allclose(found.means, list(expected.values()), rtol=1e-7)
    assert found.counts.tolist() == [[2, 2], [1, 0], [0, 0]]
    assert found.overall == pytest.approx(3 / 5)
    assert found.of_all.tolist() == pytest.approx([0.52, 0.8, 0.52, 0.6])


def test_training_rows_are_told_of_the_other_folds_and_test_rows_of_all() -> None:
    """The fold is that of the item; valid rows belong to the training part too."""
    found = statistics(ROWS)
    for part in (TRAIN, VALID):
        expected = [1 / 2, 5 / 9, 1 / 2, 5 / 9, 1 / 2]
        assert told(found, ROWS, part).tolist() == pytest.approx(expected)
    assert told(found, ROWS, TEST).tolist() == pytest.approx([0.52, 0.52, 0.8, 0.52, 0.52])


def test_without_smoothing_the_mean_is_that_of_the_category_alone() -> None:
    """Without rows for a mean, it is the overall mean of the other folds."""
    found = statistics(ROWS, smoothing=0.0)
    np.testing.assert_allclose(found.means[:2], [[1 / 2, 1 / 2, 1 / 2], [1 / 2, 1.0, 1.0]])
    # if all rows are in one fold, nothing is left without it, and everything without the other
    alone = statistics([(0, 0, 1.0), (1, 2, 0.0)], smoothing=0.0)
    assert alone.means[0].tolist() == [0.0, 1.0, 1.0]


@given(
    rows=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 6), st.floats(-5, 5, width=32)), min_size=1
    ),
    other=st.floats(-1e6, 1e6),
    data=st.data(),
)
@settings(max_examples=100, deadline=None)
def test_a_rows_own_target_does_not_move_what_it_is_told(
    rows: list[tuple[int, int, float]], other: float, data: st.DataObject
) -> None:
    """To the last bit, whatever the target becomes; nor do targets of other rows of its fold."""
    place = data.draw(st.integers(0, len(rows) - 1))
    user, item, _ = rows[place]
    changed = [*rows[:place], (user, item, other), *rows[place + 1 :]]
    before, after = (told(statistics(each, folds=3), rows, TRAIN) for each in (rows, changed))
    same_fold = [row for row, (_, one, _) in enumerate(rows) if one % 3 == item % 3]
    assert before[same_fold].tolist() == after[same_fold].tolist()
