"""Means and spreads over seeds, and paired differences over users, against values computed by hand."""

import math

import numpy as np
import pytest

from evaluation.uncertainty import Spread, over_seeds, paired


def test_mean_and_sample_deviation_of_each_figure() -> None:
    """1, 2 and 6: mean 3, squares of the differences 4 + 1 + 9 = 14, over two."""
    tables = [{"EASE": {"ndcg@10": value, "coverage@10": 0.5}} for value in (1.0, 2.0, 6.0)]
    found = over_seeds(tables)["EASE"]
    assert (found["ndcg@10"].mean, found["ndcg@10"].seeds) == (3.0, 3)
    assert found["ndcg@10"].deviation == pytest.approx(math.sqrt(7))
    assert found["coverage@10"] == Spread(0.5, 0.0, 3)


def test_one_seed_has_no_spread() -> None:
    """The figure itself, shown without a deviation."""
    (spread,) = over_seeds([{"a": {"map": 0.25}}])["a"].values()
    assert spread == Spread(0.25, 0.0, 1)
    assert str(spread) == "0.2500"
    assert str(Spread(0.25, 0.0125, 3)) == "0.2500 ± 0.0125"


def test_a_figure_that_a_seed_lacks_has_no_mean() -> None:
    """A mean of the two other seeds would not be the mean of three that the table states."""
    tables = [{"a": {"map": 0.5, "lift": lift}} for lift in (0.1, None, 0.3)]
    assert list(over_seeds(tables)["a"]) == ["map"]


def test_seeds_with_other_systems_are_refused() -> None:
    """The error names the figures that not all tables have."""
    with pytest.raises(ValueError, match=r"got table 2 that differs.*\('b', 'map'\)"):
        over_seeds([{"a": {"map": 0.5}}, {"a": {"map": 0.5}, "b": {"map": 0.5}}])
    with pytest.raises(ValueError, match="got none"):
        over_seeds([])


def test_a_paired_difference_has_the_error_of_the_differences() -> None:
    """0.1, 0.1 and 0.4: mean 0.2, deviation sqrt(0.06 / 2), over sqrt(3)."""
    first = np.array([0.0, 0.5, 0.2])
    found = paired(first, first + np.array([0.1, 0.1, 0.4]))
    assert found.difference == pytest.approx(0.2)
    assert found.standard_error == pytest.approx(0.1)
    assert found.users == 3
    assert found.errors == pytest.approx(2.0)


def test_what_is_hard_for_both_cancels_out() -> None:
    """Users differ a lot, systems a little: the error is that of the systems' difference."""
    first = np.linspace(0, 1, 100)
    better = first + np.where(np.arange(100) % 2, 0.01, 0.02)
    found = paired(first, better)
    assert found.difference == pytest.approx(0.015)
    assert found.errors > 20
    assert paired(better, first).errors == pytest.approx(-found.errors)


def test_differences_without_any_spread() -> None:
    """Equal systems are 0 standard errors apart, an always better one infinitely many."""
    first = np.array([0.0, 0.5])
    assert paired(first, first).errors == 0
    assert paired(first, first + 0.25).errors == math.inf


@pytest.mark.parametrize(("first", "second"), [(3, 4), (1, 1)])
def test_other_users_or_too_few_are_refused(first: int, second: int) -> None:
    """A paired difference needs the same users, at least two of them."""
    with pytest.raises(
        ValueError, match=rf"same users, at least two, got \({first},\) and \({second},\)"
    ):
        paired(np.zeros(first), np.zeros(second))
