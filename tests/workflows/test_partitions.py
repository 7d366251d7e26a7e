"""Partitions of whole users in time order, and how they are written."""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workflows.partitions import in_partitions, write_table


def test_rows_stand_by_user_and_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Users are dealt out in turn; equal times keep table order."""
    monkeypatch.setattr("workflows.partitions.ROWS_PER_PARTITION", 3)
    rows = pl.DataFrame({"who": [7, 2, 7, 4, 2, 7], "at": [5, 9, 5, 1, 8, 3], "row": range(6)})
    found = [frame["row"].to_list() for _, frame in in_partitions(rows, "who", "at")]
    assert found == [[4, 1, 5, 0, 2], [3]]


@pytest.mark.parametrize("users", [1 << 16, (1 << 16) + 2])
def test_as_many_users_as_there_may_be(users: int) -> None:
    """User numbers are sorted as two bytes if they fit, and as more if they do not."""
    shuffled = np.random.default_rng(42).permutation(users).astype(np.uint32)
    ((_, frame),) = in_partitions(pl.DataFrame({"who": shuffled}), "who", None)
    assert frame["who"].to_list() == list(range(users))


def test_columns_of_distinct_values_have_no_dictionary(tmp_path: Path) -> None:
    """The others have one, including lists."""
    path = tmp_path / "rows.parquet"
    write_table(pa.table({"code": [3, 3], "codes": [[4], [4, 4]], "at": [1, 2]}), path, ("at",))
    group = pq.ParquetFile(path).metadata.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    found = {column.path_in_schema: column.has_dictionary_page for column in columns}
    assert found == {"code": True, "codes.list.element": True, "at": False}
