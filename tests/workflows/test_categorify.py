"""Fixes to NVTabular's Categorify, each case alone, and our bucket operator."""

from pathlib import Path

import dask
import numpy as np
import nvtabular.ops
import pandas as pd
import pytest
from dask import dataframe as dd
from merlin.dag import ColumnSelector
from merlin.io import Dataset
from nvtabular import Workflow

from features.operators.categorify import Categorify
from features.operators.interval_codes import IntervalCodes
from runtime.features.numeric import bucket_codes
from workflows.engines.cluster import COPY_ON_WRITE, computing


def fitted(folder: Path, frame: pd.DataFrame, partitions: int = 1, threshold: int = 0) -> Workflow:
    operator = Categorify(out_path=str(folder), freq_threshold=threshold)
    workflow = Workflow(list(frame) >> operator)
    data = dd.from_pandas(frame, npartitions=partitions, sort=False)
    return workflow.fit(Dataset(data, cpu=True))


@pytest.fixture(autouse=True)
def _one_process() -> object:
    with computing(1, None):
        yield


def test_equal_counts_are_ordered_by_value(tmp_path: Path) -> None:
    """200 values: one seen twice comes first, the others, seen once each, are ordered by value."""
    values = [f"{number:03}" for number in range(200)]
    frame = pd.DataFrame({"word": [*reversed(values), "150"]})
    workflow = fitted(tmp_path, frame, partitions=3)
    codes = workflow.transform(pd.DataFrame({"word": ["150", *values]}))["word"].tolist()
    assert codes[0] == 3
    assert [code for code, value in zip(codes[1:], values, strict=True) if value != "150"] == list(
        range(4, 203)
    )


def test_rare_unseen_and_missing_values(tmp_path: Path) -> None:
    """Values below the threshold or unseen at fit are code 2; null and NaN are code 1."""
    workflow = fitted(tmp_path, pd.DataFrame({"word": ["a", "a", "b", None]}), threshold=2)
    asked = pd.DataFrame({"word": ["a", "b", "z", None, float("nan")]})
    assert workflow.transform(asked)["word"].tolist() == [3, 2, 2, 1, 1]


def test_texts_that_differ_after_a_nul_are_different(tmp_path: Path) -> None:
    """pandas counts texts only up to the first NUL: alone, in lists and in partitions of their own."""
    values = ["a\0b", "a", "a\0", "\1\0", "\1\1", "\0\1", "a\0b", None]
    expected = [3, 7, 8, 5, 6, 4, 3, 1]
    for number, given in enumerate((values, [[value] for value in values])):
        frame = pd.DataFrame({"word": given})
        workflow = fitted(tmp_path / str(number), frame, partitions=4)
        codes = workflow.transform(frame)["word"].tolist()
        assert [one if number == 0 else one[0] for one in codes] == expected


def test_columns_that_share_a_vocabulary_are_counted_together(tmp_path: Path) -> None:
    """y three times, z twice, x once over both columns: the codes that NVTabular gives in one node."""
    frame = pd.DataFrame({"a": ["x", "y", "y", None], "b": ["z", "z", "y", None]})
    ours = Categorify({"a": "both", "b": "both"}, freq_threshold={"both": 1, "a": 1, "b": 1})
    ours.out_path = str(tmp_path / "ours")
    theirs = nvtabular.ops.Categorify(out_path=str(tmp_path / "theirs"))
    found = []
    for graph in ((["a"] >> ours) + (["b"] >> ours), ColumnSelector([("a", "b")]) >> theirs):
        workflow = Workflow(graph)
        workflow.fit(Dataset(dd.from_pandas(frame, npartitions=2, sort=False), cpu=True))
        with pd.option_context(
            COPY_ON_WRITE, False
        ):  # theirs writes into memory that pandas shares
            found.append(workflow.transform(frame))
        assert {workflow.output_schema[name].int_domain.max for name in "ab"} == {5}
    assert found[0]["a"].tolist() == found[1]["a"].tolist() == [5, 3, 3, 1]
    assert found[0]["b"].tolist() == found[1]["b"].tolist() == [4, 4, 3, 1]
    assert [path.name for path in (tmp_path / "ours/categories").iterdir()] == [
        "unique.both.parquet"
    ]


def test_a_partition_of_nulls_alone_is_encoded(tmp_path: Path) -> None:
    """NVTabular takes the first non-null value of each partition; here there is none."""
    frame = pd.DataFrame({"word": ["a", "b", None, None]})
    workflow = fitted(tmp_path, frame, partitions=2)
    data = Dataset(dd.from_pandas(frame, npartitions=2, sort=False), cpu=True)
    assert workflow.transform(data).to_ddf().compute()["word"].tolist() == [3, 4, 1, 1]


def test_nulls_within_lists_are_nulls_and_leave_integers_exact(tmp_path: Path) -> None:
    """A null element is code 1, 2^53 and 2^53 + 1 differ beside it, an empty list stays empty."""
    big = 2**53
    rows = [[big, None], [], [big + 1, big + 1], [None]]
    frame = pd.DataFrame({"n": pd.Series([np.array(row, object) for row in rows])})
    encoded = fitted(tmp_path, frame).transform(frame)["n"]
    assert [codes.tolist() for codes in encoded] == [[4, 1], [], [3, 3], [1]]


def test_a_column_without_values_has_an_empty_vocabulary(tmp_path: Path) -> None:
    """After a fit on nulls alone, every value is unseen."""
    workflow = fitted(tmp_path, pd.DataFrame({"word": pd.Series([None, None], dtype=object)}))
    asked = pd.DataFrame({"word": ["a", None]})
    assert workflow.transform(asked)["word"].tolist() == [2, 1]


def test_buckets_count_the_boundaries_reached() -> None:
    """Null is 1; below the first boundary 3; a boundary itself belongs to the upper interval."""
    values = np.array([np.nan, -1.0, 17.9, 18.0, 29.9, 30.0, np.inf])
    assert bucket_codes(values, (18.0, 30.0)).tolist() == [1, 3, 3, 4, 4, 5, 5]


def test_buckets_tell_their_cardinality(tmp_path: Path) -> None:
    """Two boundaries give codes 0 to 5."""
    workflow = Workflow(["age"] >> IntervalCodes({"age": (18.0, 30.0)}))
    workflow.fit_schema(Dataset(pd.DataFrame({"age": [1.0]}), cpu=True).schema)
    assert workflow.output_schema["age"].int_domain.max == 5
    assert dask.config.get("scheduler") == "synchronous"
