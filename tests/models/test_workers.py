"""Which rows a worker takes, and how TF_CONFIG is read, without running TensorFlow."""

import json

import numpy as np
import pytest

from models.distributed import workers
from models.distributed.joining import joined
from models.distributed.workers import VARIABLE, Worker, share
from stages.errors import ShortlistError

TASK = {"type": "worker", "index": 0}


@pytest.mark.parametrize(
    ("rows", "count", "shares"),
    [
        (4, 1, [[0, 1, 2, 3]]),
        (6, 2, [[0, 2, 4], [1, 3, 5]]),
        (5, 2, [[0, 2, 4], [1, 3, 0]]),  # row 0 counts twice
        (1, 3, [[0], [0], [0]]),
        (4, 3, [[0, 3], [1, 0], [2, 1]]),
    ],
)
def test_shares_are_of_one_size_and_leave_no_row_out(
    monkeypatch: pytest.MonkeyPatch, rows: int, count: int, shares: list[list[int]]
) -> None:
    """Each worker takes every count-th row; a short share is filled up from the beginning."""
    found = []
    for rank in range(count):
        monkeypatch.setattr(workers, "_here", Worker(rank, count))
        found.append(share(np.arange(rows)).tolist())
    assert found == shares


def test_rows_of_a_matrix_are_shared_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole rows, such as the negatives sampled for each."""
    monkeypatch.setattr(workers, "_here", Worker(1, 2))
    np.testing.assert_array_equal(share(np.array([[1, 2], [3, 4], [5, 6]])), [[3, 4], [1, 2]])


@pytest.mark.parametrize(
    "text",
    [
        "worker 1 of 2",
        json.dumps({"cluster": {"worker": ["a:1", "b:2"]}}),
        json.dumps({"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 2}}),
        json.dumps({"cluster": {"worker": ["a:1", "b:2"], "ps": ["c:3"]}, "task": TASK}),
        json.dumps({"cluster": ["a:1", "b:2"], "task": TASK}),
    ],
)
def test_a_variable_that_cannot_be_used_is_explained(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """Invalid JSON, no task, an index out of range, parameter servers: the error shows it and an example."""
    monkeypatch.setenv(VARIABLE, text)
    expected = "expected the environment variable TF_CONFIG"
    with pytest.raises(ShortlistError, match=expected) as raised, joined():
        pass
    assert text in str(raised.value)
    assert '"index": 0' in str(raised.value)


def test_a_single_worker_is_alone(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    """With one address there is nobody to wait for, and no strategy."""
    config = {"cluster": {"worker": ["host:4000"]}, "task": TASK}
    monkeypatch.setenv(VARIABLE, json.dumps(config))
    said.clear()
    with joined():
        assert (workers.worker(), workers.is_chief(), workers.several()) == (Worker(), True, False)
    assert said == []
