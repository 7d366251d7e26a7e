"""Interactions in partitions of whole users in time order: split and written again."""

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from recipes.schema.data import Columns
from stages.arrow_types import plain
from stages.columns import PLACE, POSITIVE, RAW_ID, SEEN, exactly, values_of
from workflows.tables import Tables

#: Approximate rows per partition, the unit of work that is held in memory while it is encoded.
ROWS_PER_PARTITION = 250_000
#: Partitions processed at once: their reading, gathering and writing overlap.
AT_A_TIME = 2
#: Options of every Parquet file. Statistics let a reader skip row groups.
PARQUET = {"compression": "zstd", "compression_level": 1, "write_statistics": True}
ROWS_PER_GROUP = 100_000


class Written:
    """The numbers of the written partitions, kept as empty files that survive a kill."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder

    def add(self, number: int) -> None:
        """Record that every file of a partition is written."""
        (self._folder / str(number)).touch()

    def __contains__(self, number: object) -> bool:
        return (self._folder / str(number)).exists()

    def __len__(self) -> int:
        return sum(1 for _ in self._folder.iterdir())


def in_partitions(
    rows: pl.DataFrame, user: str, timestamp: str | None, without: Container[int] = ()
) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield numbered frames of about ``ROWS_PER_PARTITION`` rows: whole users, rows in time order.

    Users (rows of their table) are dealt out in turn, so each partition is a sample of all users. The
    number of partitions depends only on the data, so the output is the same for any engine and any number
    of workers. ``PLACE`` numbers the rows across all partitions. ``without``: numbers of the partitions
    to skip.
    """
    ids = rows[user].to_numpy()
    # skips users without interactions
    codes = (np.cumsum(np.bincount(ids) > 0) - 1).astype(np.uint32)[ids]
    count = max(1, min(round(len(rows) / ROWS_PER_PARTITION), int(codes.max()) + 1))
    dealt = (codes % count).astype(np.uint16 if count <= 1 << 16 else np.uint32)
    order = np.argsort(dealt, kind="stable").astype(np.uint32)
    ends = np.cumsum(np.bincount(dealt, minlength=count))
    del dealt
    begins = np.concatenate([[0], ends[:-1]])
    # a partition holds every count-th user: numbers this small mostly fit 16 bits, a fast sort
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
            keys.insert(0, values_of(rows, timestamp).gather(chosen).to_numpy())
        inside = chosen[np.lexsort(keys)]  # stable: equal times keep the order of the table
        place = pl.Series(PLACE, np.arange(begin, end))
        yield number, rows[inside].with_columns(place)


def with_each(
    partitions: Iterable[tuple[int, pl.DataFrame]], work: Callable[[int, pl.DataFrame], None]
) -> None:
    """Call ``work`` on every partition, ``AT_A_TIME`` at once, while the next one is built."""
    pending: list[Future[None]] = []
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for number, partition in partitions:
            if len(pending) == AT_A_TIME:  # bounds the partitions in memory
                pending.pop(0).result()
            pending.append(pool.submit(work, number, partition))
        for each in pending:
            each.result()


def encodable(columns: Columns, partition: pl.DataFrame) -> pl.DataFrame:
    """Cast times to integer seconds (UTC) and numbers to float32, as models and data loaders expect."""
    timestamp = columns.timestamp
    if timestamp is not None and partition.schema[timestamp].is_temporal():
        partition = partition.with_columns(exactly(timestamp).dt.epoch("s"))
    numbers = [name for name in (columns.label, columns.weight, POSITIVE) if name is not None]
    partition = partition.drop(PLACE, SEEN, strict=False)
    return partition.with_columns(exactly(name).cast(pl.Float32) for name in numbers)


def with_raw_ids(partition: pl.DataFrame, tables: Tables, columns: Columns) -> pl.DataFrame:
    """Replace the row numbers of users and items with their ids."""
    return partition.with_columns(
        values_of(table, name).gather(partition[name]).alias(name)
        for table, name in ((tables.users, columns.user), (tables.items, columns.item))
    )


def write_partition(
    table: pa.Table,
    parts: np.ndarray,
    number: int,
    folders: Mapping[int, Path],
    timestamp: str | None,
) -> None:
    """Write the rows of each part to its folder; ``folders``: by code (``stages.columns.TRAIN``...)."""
    for code, folder in folders.items():
        rows = table.filter(parts == code)
        # a data set needs at least one file; other files are written only if they have rows
        if len(rows) or number == 0:
            folder.mkdir(parents=True, exist_ok=True)
            write_table(rows, folder / f"part_{number:05}.parquet", (timestamp, PLACE))


def write_side(codes: pa.Table, ids: pl.Series, path: Path) -> None:
    """Write an encoded users or items table, one row per id, sorted by raw id.

    Columns: ``RAW_ID`` (string), the id's code under the id column's name, then the features. An
    out-of-vocabulary id has code 2 and keeps its features.
    """
    raw = arrow_table(ids.cast(pl.String).to_frame())[ids.name]
    write_table(codes.add_column(0, RAW_ID, raw), path, (RAW_ID, ids.name))


def write_table(table: pa.Table, path: Path, distinct: Collection[str | None] = ()) -> None:
    """Write one Parquet file, in row groups of ``ROWS_PER_GROUP`` rows.

    ``distinct``: columns with about as many values as rows; a dictionary makes these slower and larger.
    """
    with_dictionary = [_leaf(field) for field in table.schema if field.name not in distinct]
    pq.write_table(
        table, path, row_group_size=ROWS_PER_GROUP, use_dictionary=with_dictionary, **PARQUET
    )


def _leaf(field: pa.Field) -> str:
    """Return Parquet's name for the values of a column."""
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else field.name


def arrow_table(frame: pl.DataFrame) -> pa.Table:
    """Convert to Arrow with plain strings and lists, for readers that support no others."""
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    return table.cast(plain(table.schema))
