"""Mean and standard deviation that rounding does not spoil."""

import numpy as np
import pandas as pd
import pytest
from dask import dataframe as dd
from hypothesis import given, settings
from hypothesis import strategies as st
from merlin.dag import ColumnSelector
from merlin.io import Dataset
from nvtabular import Workflow

from features.operators.normalize import MinMax, Normalize
from runtime.features.numeric import scaled
from workflows.engines.cluster import computing


def fitted(values: list[float], partitions: int, operator: Normalize | None = None) -> Normalize:
    operator = operator or Normalize(out_dtype=np.float32)
    data = dd.from_pandas(pd.DataFrame({"x": values}), npartitions=partitions, sort=False)
    with computing(1, None):
        Workflow(["x"] >> operator).fit(Dataset(data, cpu=True))
    return operator


def test_large_numbers_that_differ_little_keep_their_variance() -> None:
    """1e9 + 0, 1, 2: a deviation of 1. The mean square minus the squared mean would lose all its digits."""
    operator = fitted([1e9, 1e9 + 1, 1e9 + 2], partitions=2)
    assert (operator.means["x"], operator.stds["x"]) == (1e9 + 1, 1.0)


def test_min_max_runs_from_zero_to_one() -> None:
    """Of 2, 6 and 4, whatever the partitions; a constant column gives 0, not NaN."""
    operator = fitted([2.0, 6.0, 4.0], partitions=2, operator=MinMax(out_dtype=np.float32))
    assert (operator.means["x"], operator.stds["x"]) == (2.0, 4.0)
    assert scaled(np.array([2.0, 3.0, 6.0]), 2.0, 4.0).tolist() == [0.0, 0.25, 1.0]
    assert MinMax().fitted(np.array([7.0]), np.array([3])) == (7.0, 0.0)


def test_a_constant_column_has_no_spread() -> None:
    """Ten times 0.1, whose mean is rounded: the deviation is 0, not a rounding error."""
    operator = fitted([0.1] * 10, partitions=3)
    assert (operator.means["x"], operator.stds["x"]) == (0.1, 0.0)
    assert scaled(np.array([0.1, 0.6]), 0.1, 0.0).tolist() == [0.0, 0.5]


def test_no_number_is_farther_than_the_models_can_take() -> None:
    """A million deviations away is the end, for NVTabular's transform as for the others."""
    operator = fitted([-1.0, 0.0, 1.0], partitions=1)
    far = np.array([1e30, -3e38, 0.5])
    frame = operator.transform(ColumnSelector(["x"]), pd.DataFrame({"x": far}))
    assert frame["x"].tolist() == [1e6, -1e6, 0.5] == scaled(far, 0.0, 1.0).tolist()


@given(
    rows=st.lists(
        st.tuples(st.floats(-1e6, 1e6), st.integers(0, 4)), min_size=1, max_size=30
    ).filter(lambda rows: sum(count for _, count in rows) > 1)
)
@settings(deadline=None)
def test_a_count_is_as_many_rows(rows: list[tuple[float, int]]) -> None:
    """Values with counts have the mean and deviation of the repeated values."""
    values, counts = (np.array(column) for column in zip(*rows, strict=True))
    written = np.repeat(values, counts)
    mean, std = Normalize().fitted(values, counts)
    assert mean == pytest.approx(written.mean(), rel=1e-9, abs=1e-9)
    assert std == pytest.approx(written.std(ddof=1), rel=1e-6, abs=1e-6)
