"""Training batches from columns in memory.

Merlin's own loader flattens list columns in Python for every epoch, and Merlin's ``fit`` overrides the
loader's schema with the model's; both are avoided by handing over finished arrays.
"""

import workflows.merlin_compat  # noqa: F401  isort: skip

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tensorflow as tf
from merlin.schema import Schema

from models.prepared import Arrays, list_length
from models.workers import share
from recipes.data import POSITIVE


def read_columns(folders: list[Path], schema: Schema, positives_only: bool = True) -> Arrays:
    """The columns of encoded interactions: name -> [n], or [n, length] for lists, padded with 0."""
    files = sorted(file for folder in folders for file in folder.glob("*.parquet"))
    names = list(schema.column_names)
    wanted = pc.field(POSITIVE) > 0 if positives_only else None
    table = pa.concat_tables([pq.read_table(file, columns=names, filters=wanted) for file in files])
    columns = {}
    for column in schema:
        values = table[column.name].combine_chunks()
        if column.is_list:
            columns[column.name] = _padded(values, list_length(column))
        else:
            columns[column.name] = values.to_numpy(zero_copy_only=False)
    return columns


def _padded(lists: pa.ListArray, length: int) -> np.ndarray:
    """int32 [n, length] of a list array: the first ``length`` of each list, then 0."""
    starts = lists.offsets.to_numpy()
    values = lists.values.to_numpy(zero_copy_only=False)
    kept = np.minimum(np.diff(starts), length)
    padded = np.zeros((len(kept), length), np.int32)
    row = np.repeat(np.arange(len(kept)), kept)
    position = np.arange(kept.sum()) - np.repeat(np.cumsum(kept) - kept, kept)
    padded[row, position] = values[np.repeat(starts[:-1], kept) + position]
    return padded


class Batches(tf.keras.utils.Sequence):
    """Batches in an order drawn anew for every epoch.

    Args:
        columns: name -> [n] or [n, length].
        target: float32 [n]; without one (the retriever's targets are the items themselves) zeros.
        whole_batches: leave out the rows that do not fill a batch.
    """

    def __init__(
        self,
        columns: Arrays,
        batch_size: int,
        seed: int,
        target: np.ndarray | None = None,
        whole_batches: bool = False,
    ) -> None:
        super().__init__()
        self.columns = columns
        self.rows = len(next(iter(columns.values())))
        self.target = np.zeros(self.rows, np.float32) if target is None else target
        self.batch_size = min(batch_size, self.rows)
        self.whole_batches = whole_batches
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        if self.whole_batches:
            return self.rows // self.batch_size
        return -(-self.rows // self.batch_size)

    def rows_of(self, batch: int) -> np.ndarray:
        """Numbers of the batch's rows, of several workers this one's."""
        return share(self.order[batch * self.batch_size : (batch + 1) * self.batch_size])

    def __getitem__(self, batch: int) -> tuple[Arrays, np.ndarray]:
        rows = self.rows_of(batch)
        return {name: column[rows] for name, column in self.columns.items()}, self.target[rows]

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(self.rows)
