"""Training batches: the columns that are read, and the order of rows."""

from itertools import chain
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from merlin.schema import ColumnSchema, Schema

from models.prepared import PreparedData, list_length
from models.tensors import stored_name
from models.training.batches import Batches, Pairs, read_columns
from stages.columns import POSITIVE


@given(
    rows=st.lists(
        st.tuples(st.lists(st.integers(1, 9), max_size=7), st.booleans()), min_size=1, max_size=12
    ),
    cut=st.integers(0, 8),
)
def test_positives_lists_are_padded_as_by_a_plain_loop(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[list[int], bool]], cut: int
) -> None:
    """Long lists are cut, short ones padded with 0 and other rows left out, across files and row groups."""
    folder = tmp_path_factory.mktemp("lists")
    length = 4
    for name, part in (("a", rows[:cut]), ("b", rows[cut:])):
        codes = pa.array([codes for codes, _ in part], pa.list_(pa.int64()))
        positive = pa.array([float(positive) for _, positive in part], pa.float32())
        table = pa.table({"codes": codes, POSITIVE: positive})
        pq.write_table(table, folder / f"{name}.parquet", row_group_size=2)
    properties = {"value_count": {"min": length, "max": length}}
    column = ColumnSchema("codes", dtype=np.int64, is_list=True, properties=properties)
    read = read_columns([folder], Schema([column]))["codes"]
    expected = [
        [*codes[:length], *[0] * (length - len(codes))] for codes, positive in rows if positive
    ]
    assert read.tolist() == expected


def test_the_prepared_rows_are_read_as_they_are(data: PreparedData) -> None:
    """Scalars, numbers, lists and histories of train and valid, one part after the other."""
    folders = [data.files.interactions(part) for part in ("train", "valid")]
    columns = read_columns(folders, data.schema)
    frame = pd.concat([pd.read_parquet(file) for one in folders for file in one.glob("*.parquet")])
    assert {stored_name(column) for column in data.schema} == set(frame.columns)
    for column in data.schema:
        values = frame[stored_name(column)]
        if column.is_list:
            length = list_length(column)
            expected = [[*codes, *[0] * (length - len(codes))] for codes in values]
            assert columns[column.name].tolist() == expected
        else:
            np.testing.assert_array_equal(columns[column.name], values)


def rows_of(batches: Batches) -> list[list[int]]:
    return [batches[number][0]["row"].tolist() for number in range(len(batches))]


def test_every_row_comes_once_an_epoch_in_another_order_the_next() -> None:
    """Columns and targets stay together; the last batch holds the remainder."""
    column = np.arange(10)
    batches = Batches(
        {"row": column, "list": column[:, None] + [0, 1]}, 4, seed=1, target=column * 2
    )
    first = rows_of(batches)
    assert [len(rows) for rows in first] == [4, 4, 2]
    assert sorted(chain(*first)) == column.tolist()
    for number in range(len(batches)):
        inputs, target = batches[number]
        np.testing.assert_array_equal(inputs["list"], inputs["row"][:, None] + [0, 1])
        np.testing.assert_array_equal(target, inputs["row"] * 2)
    batches.on_epoch_end()
    second = rows_of(batches)
    assert second != first
    assert sorted(chain(*second)) == column.tolist()


def test_the_seed_gives_the_order() -> None:
    """The same seed gives the same order, another one a different order."""
    column = {"row": np.arange(50)}
    one, same, other = (rows_of(Batches(column, 10, seed)) for seed in (3, 3, 4))
    assert one == same
    assert one != other


def test_whole_batches_leave_a_remainder_out() -> None:
    """In-batch negatives need batches of one size; fewer rows than a batch still make one."""
    assert [len(rows) for rows in rows_of(Batches({"row": np.arange(10)}, 4, 1, None, True))] == [
        4,
        4,
    ]
    assert [len(rows) for rows in rows_of(Batches({"row": np.arange(3)}, 4, 1, None, True))] == [3]


def pairs() -> Pairs:
    """Three pairs of two users and two items."""
    return Pairs(
        np.array([1, 0, 1]),
        np.array([0, 1, 1]),
        {"group": np.array([7, 8]), "age": np.array([0.5, 1.5], np.float32)},
        {"words": np.array([[1, 2], [3, 0]])},
        {"rate": np.array([0.1, 0.2, 0.3], np.float32)},
        batch_size=2,
        seed=5,
        target=np.array([1.0, 0.0, 1.0], np.float32),
    )


#: The expected columns of the three pairs.
WRITTEN_OUT: dict[str, Any] = {
    "rate": [0.1, 0.2, 0.3],
    "group": [8, 7, 8],
    "age": [1.5, 0.5, 1.5],
    "words": [[1, 2], [3, 0], [3, 0]],
}


def test_pairs_have_the_columns_of_their_user_and_item() -> None:
    """In a batch, gathered in a graph, and as the numeric inputs of all rows."""
    batches = pairs()
    rows = batches.rows_of(0)
    in_graph = batches.in_graph()(tf.constant(rows))
    inputs, target = batches[0]
    np.testing.assert_array_equal(target, np.array([1.0, 0.0, 1.0])[rows])
    assert inputs.keys() == in_graph.keys() == WRITTEN_OUT.keys()
    for name, values in WRITTEN_OUT.items():
        np.testing.assert_allclose(inputs[name], np.array(values)[rows])
        np.testing.assert_allclose(in_graph[name], np.array(values)[rows])
    numbers = batches.numeric_inputs()
    assert numbers.keys() == {"rate", "age"}
    np.testing.assert_allclose(numbers["age"], WRITTEN_OUT["age"])
