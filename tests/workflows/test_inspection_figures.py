"""Drift and leakage, computed by hand from counts."""

import math
from collections.abc import Sequence
from typing import Any

import polars as pl
import pytest

from workflows.inspection.drift import drift
from workflows.inspection.leakage import auc, determines_label, determines_positive


def _values(value: list[Any], **counts: Sequence[float]) -> pl.DataFrame:
    return pl.DataFrame({"value": value, **counts})


def test_the_index_is_the_sum_over_bins() -> None:
    """Two values, 3 to 1 in training and 1 to 3 in the test part; half a row is added to each bin."""
    found = drift(_values(["a", "b"], train=[300, 100], test=[50, 150]), is_number=False)
    assert found is not None
    p, q = [300.5 / 401, 100.5 / 401], [50.5 / 201, 150.5 / 201]
    expected = sum((one - other) * math.log(one / other) for one, other in zip(p, q, strict=True))
    assert found.index == pytest.approx(expected)
    assert (found.bins, found.train, found.test) == (("a", "b"), (0.75, 0.25), (0.25, 0.75))
    assert found.verdict == "large"
    # the 95% point of chi-squared with one degree of freedom
    assert found.noise == pytest.approx(3.8415 * (1 / 400 + 1 / 200), rel=1e-4)


def test_numbers_fall_into_the_deciles_of_the_training_part() -> None:
    """100 values once each fill ten bins of ten; a frequent value has its own bin, as has null."""
    hundred = list(range(100))
    found = drift(_values(hundred, train=[1] * 100, test=[1] * 100), is_number=True)
    assert found is not None
    assert (found.bins[0], found.bins[-1], len(found.bins)) == ("0 to 9", "90 to 99", 10)
    assert found.index == 0
    found = drift(_values([None, 1.5, 0.0], train=[10, 15, 75], test=[0, 5, 5]), is_number=True)
    assert found is not None
    assert (found.bins, found.train) == (("0", "1.5", "null"), (0.75, 0.15, 0.1))


def test_values_that_only_the_test_has_are_in_the_last_bins() -> None:
    """Numbers beyond the training part's count, and so do new categories."""
    found = drift(_values([1.0, 2.0, 9.0], train=[50, 50, 0], test=[0, 0, 100]), is_number=True)
    assert found is not None
    assert found.bins[-1] == "9"
    assert found.verdict == "large"
    numbers = [f"c{number:02}" for number in range(30)]
    found = drift(_values(numbers, train=[10] * 25 + [0] * 5, test=[10] * 30), is_number=False)
    assert found is not None
    assert found.bins == (*numbers[:20], "all others")
    assert found.test[-1] == pytest.approx(1 / 3)


def test_few_rows_are_noise_and_no_rows_nothing() -> None:
    """Ten rows with slightly different shares are not drift."""
    found = drift(_values(["a", "b"], train=[6, 4], test=[3, 7]), is_number=False)
    assert found is not None
    assert found.index > 0.25
    assert found.verdict == "noise"
    assert drift(_values(["a"], train=[6], test=[0]), is_number=False) is None


def _outcomes(
    value: list[Any], held_out: list[tuple[int, int]], trained: list[tuple[int, int]]
) -> pl.DataFrame:
    """Positives and negatives of each value among the held-out rows and in training."""
    return _values(
        value,
        rows=[sum(one) + sum(other) for one, other in zip(held_out, trained, strict=True)],
        train=[sum(one) for one in trained],
        positives=[one[0] + other[0] for one, other in zip(held_out, trained, strict=True)],
        train_positives=[one[0] for one in trained],
    )


def test_auc_of_a_category_is_that_of_its_share_in_training() -> None:
    """a: 30 of 40 held-out rows are positive, b: 10 of 40; pairs within a value count half."""
    held_out, trained = [(30, 10), (10, 30)], [(80, 20), (20, 80)]
    expected = (30 * 30 + 0.5 * (30 * 10 + 10 * 30)) / (40 * 40)
    assert auc(_outcomes(["a", "b"], held_out, trained), is_number=False) == pytest.approx(expected)
    # a value that predicts the opposite of training is not a leak
    reverse = auc(_outcomes(["a", "b"], held_out, trained[::-1]), is_number=False)
    assert reverse == pytest.approx(1 - expected)


def test_auc_of_a_number_is_that_of_its_order_either_way() -> None:
    """For values unseen in training the order alone counts: here lower values are more positive."""
    values = _outcomes([1.0, 2.0, 5.0], [(30, 0), (0, 30), (0, 0)], [(0, 0), (0, 0), (5, 5)])
    assert auc(values, is_number=True) == 1
    assert auc(values, is_number=False) == 0.5
    assert auc(_outcomes([1.0, 2.0], [(19, 0), (0, 30)], [(1, 0), (0, 1)]), is_number=True) is None


def _labels(rows: list[int], lowest: list[float], highest: list[float]) -> pl.DataFrame:
    return _values(list(range(len(rows))), rows=rows, lowest=lowest, highest=highest)


def test_a_label_is_determined_where_each_frequent_value_has_one() -> None:
    """Each value that counts has at least ten rows, and there is more than one label."""
    assert determines_label(_labels([10, 20], [1, 2], [1, 2]))
    assert not determines_label(_labels([10, 20], [1, 2], [1, 3])), "one value has several"
    assert not determines_label(_labels([10, 20], [1, 1], [1, 1])), "there is one label only"
    assert not determines_label(_labels([9, 9], [1, 2], [1, 2])), "few rows are no evidence"
    assert determines_label(_labels([10, 10, 5], [1, 2, 1], [1, 2, 3])), "a rare value is ignored"
    assert not determines_label(_labels([10, 10, 9, 9, 9], [1, 2, 1, 1, 1], [1, 2, 3, 3, 3]))


def test_a_positive_is_determined_where_values_are_always_or_never_positive() -> None:
    """It is not if all values are positive, or one is positive only sometimes."""
    values = _values([1, 2, 3], rows=[10, 20, 30])
    assert determines_positive(values.with_columns(positives=pl.Series([10, 0, 30])))
    assert not determines_positive(values.with_columns(positives=pl.Series([10, 1, 30])))
    assert not determines_positive(values.with_columns(positives=pl.Series([10, 20, 30])))
