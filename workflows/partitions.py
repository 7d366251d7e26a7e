"""Interactions in partitions that hold whole users, in the order of time: in, and out again."""

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from recipes.schema.data import Columns
from stages.arrow_types import plain
from stages.columns import PLACE, POSITIVE
from workflows.tables import Tables

#: Rows per partition, about: the unit of work, and what is held in memory while it is encoded.
ROWS_PER_PARTITION = 250_000
#: How many are worked on at a time: reading, gathering and writing leave each other room.
AT_A_TIME = 2
#: How all of it is written. Statistics let a reader skip row groups.
PARQUET = {"compression": "zstd", "compression_level": 1, "write_statistics": True}
ROWS_PER_GROUP = 100_000


class Written:
    """The numbers of the partitions that are written: an empty file each, so that a kill leaves them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder

    def add(self, number: int) -> None:
        """Say that every file of a partition is there."""
        (self._folder / str(number)).touch()

    def __contains__(self, number: object) -> bool:
        return (self._folder / str(number)).exists()

    def __len__(self) -> int:
        return sum(1 for _ in self._folder.iterdir())


def in_partitions(
    rows: pl.DataFrame, user: str, timestamp: str | None, without: Container[int] = ()
) -> Iterator[tuple[int, pl.DataFrame]]:
    """Numbered frames of about ``ROWS_PER_PARTITION`` rows: whole users, rows in the order of time.

    Users (by row of their table) are dealt out in turn, so that a partition is a sample of all of
    them. How many partitions there are depends on the data alone: the output is the same on any
    engine and any number of workers. ``PLACE`` numbers the rows through all of them. ``without``: the
    numbers of those that are passed over.
    """
    ids = rows[user].to_numpy()
    # those without interactions are passed over
    codes = (np.cumsum(np.bincount(ids) > 0) - 1).astype(np.uint32)[ids]
    count = max(1, min(round(len(rows) / ROWS_PER_PARTITION), int(codes.max()) + 1))
    dealt = (codes % count).astype(np.uint16 if count <= 1 << 16 else np.uint32)
    order = np.argsort(dealt, kind="stable").astype(np.uint32)
    ends = np.cumsum(np.bincount(dealt, minlength=count))
    del dealt
    begins = np.concatenate([[0], ends[:-1]])
    # a partition's users are every count-th: numbers so small are mostly sorted by their bytes
    within = codes // count
    if within.max() < 1 << 16:
        within = within.astype(np.uint16)
    del codes
    for number, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        if number in without:
            continue
        chosen = order[begin:end]
        keys = [within[chosen]]
        if timestamp is not None:
            keys.insert(0, rows[timestamp].gather(chosen).to_numpy())
        inside = chosen[np.lexsort(keys)]  # stable: equal times keep the order of the table
        place = pl.Series(PLACE, np.arange(begin, end))
        yield number, rows[inside].with_columns(place)


def with_each(
    partitions: Iterable[tuple[int, pl.DataFrame]], work: Callable[[int, pl.DataFrame], None]
) -> None:
    """Call ``work`` with every partition, ``AT_A_TIME`` of them, while the next one is made."""
    pending: list[Future[None]] = []
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for number, partition in partitions:
            if len(pending) == AT_A_TIME:  # no more of them in memory than that
                pending.pop(0).result()
            pending.append(pool.submit(work, number, partition))
        for each in pending:
            each.result()


def encodable(columns: Columns, partition: pl.DataFrame) -> pl.DataFrame:
    """Times as integer seconds (UTC), numbers as float32: what models and data loaders take."""
    timestamp = columns.timestamp
    if timestamp is not None and partition.schema[timestamp].is_temporal():
        partition = partition.with_columns(pl.col(timestamp).dt.epoch("s"))
    numbers = [name for name in (columns.label, columns.weight, POSITIVE) if name is not None]
    return partition.drop(PLACE, strict=False).with_columns(pl.col(numbers).cast(pl.Float32))


def with_raw_ids(partition: pl.DataFrame, tables: Tables, columns: Columns) -> pl.DataFrame:
    """The ids of the users and items in place of the numbers of their rows."""
    return partition.with_columns(
        table[name].gather(partition[name])
        for table, name in ((tables.users, columns.user), (tables.items, columns.item))
    )


def write_partition(
    table: pa.Table,
    parts: np.ndarray,
    number: int,
    folders: Mapping[int, Path],
    timestamp: str | None,
) -> None:
    """Write the rows of each part below its folder; ``folders``: by code (``stages.columns.TRAIN``...)."""
    for code, folder in folders.items():
        rows = table.filter(parts == code)
        # a data set must have one file; further ones only where they hold something
        if len(rows) or number == 0:
            folder.mkdir(parents=True, exist_ok=True)
            write_table(rows, folder / f"part_{number:05}.parquet", (timestamp, PLACE))


def write_side(codes: pa.Table, ids: pl.Series, path: Path) -> None:
    """Write an encoded users or items table, a row per id, sorted by raw id.

    Columns: ``raw_id`` (string), the id's code under its name, then the features. An id that is not
    in the vocabulary has code 2, and its features all the same.
    """
    raw = arrow_table(ids.cast(pl.String).to_frame())[ids.name]
    write_table(codes.add_column(0, "raw_id", raw), path, ("raw_id", ids.name))


def write_table(table: pa.Table, path: Path, distinct: Collection[str | None] = ()) -> None:
    """One Parquet file, in row groups of ``ROWS_PER_GROUP``.

    ``distinct``: columns with about as many values as rows; a dictionary makes these slower and larger.
    """
    with_dictionary = [_leaf(field) for field in table.schema if field.name not in distinct]
    pq.write_table(
        table, path, row_group_size=ROWS_PER_GROUP, use_dictionary=with_dictionary, **PARQUET
    )


def _leaf(field: pa.Field) -> str:
    """The name by which Parquet knows the values of a column."""
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name


def arrow_table(frame: pl.DataFrame) -> pa.Table:
    """With ordinary strings and lists, for readers that know no others."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    return table.cast(plain(table.schema))
