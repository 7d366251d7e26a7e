"""Training batches from columns in memory.

Merlin's own loader flattens list columns in Python in every epoch, and Merlin's ``fit`` overrides the
loader's schema with the model's. Passing finished arrays avoids both.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tensorflow as tf
from merlin.schema import Schema

from models.distributed.workers import share
from models.prepared import Arrays, list_length
from models.tensors import stored_name
from runtime.lists import padded
from stages.columns import POSITIVE
from stages.errors import ShortlistError

#: Row numbers, int [batch] -> the inputs of these rows by name.
Gather = Callable[[tf.Tensor], dict[str, tf.Tensor]]


def read_columns(folders: list[Path], schema: Schema, positives_only: bool = True) -> Arrays:
    """The columns of encoded interactions, by tensor: [n], or [n, length] for lists, padded with 0."""
    for folder in folders:
        if not folder.exists():
            raise ShortlistError(
                f"expected encoded interactions in {folder}, found none: the data were prepared for a "
                "recipe whose training does not need them. Run `shortlist prepare` again."
            )
    files = sorted(file for folder in folders for file in folder.glob("*.parquet"))
    names = [stored_name(column) for column in schema]
    wanted = pc.field(POSITIVE) > 0 if positives_only else None
    table = pa.concat_tables([pq.read_table(file, columns=names, filters=wanted) for file in files])
    columns = {}
    for column in schema:
        values = table[stored_name(column)].combine_chunks()
        if column.is_list:
            codes = values.flatten().to_numpy(zero_copy_only=False).astype(np.int32)
            lengths = np.diff(values.offsets.to_numpy())
            columns[column.name] = padded(codes, lengths, list_length(column))
        else:
            columns[column.name] = values.to_numpy(zero_copy_only=False)
    return columns


class Batches(tf.keras.utils.Sequence):
    """Batches in an order that is drawn anew for every epoch.

    Args:
        columns: name -> [n] or [n, length].
        target: float32 [n]; by default ones, for a retriever: its targets are the items themselves, and it
            reads this as the weights of the rows.
        whole_batches: drop the rows that do not fill a batch.
        weights: of the rows in the loss, float32 [n]; a batch then has them as its third part, [batch, 1].
    """

    def __init__(
        self,
        columns: Arrays,
        batch_size: int,
        seed: int,
        target: np.ndarray | None = None,
        whole_batches: bool = False,
        weights: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        self.columns = columns
        self.rows = len(next(iter(columns.values())) if target is None else target)
        self.target = np.ones(self.rows, np.float32) if target is None else target
        self.weights = None if weights is None else weights[:, None]
        self.batch_size = min(batch_size, self.rows)
        self.whole_batches = whole_batches
        self.rng = np.random.default_rng(seed)
        self.on_epoch_end()

    def __len__(self) -> int:
        if self.whole_batches:
            return self.rows // self.batch_size
        return -(-self.rows // self.batch_size)

    def rows_of(self, batch: int) -> np.ndarray:
        """Row numbers of a batch, or of this worker's share of it."""
        return share(self.order[batch * self.batch_size : (batch + 1) * self.batch_size])

    def __getitem__(self, batch: int) -> tuple[Any, ...]:
        rows = self.rows_of(batch)
        columns = {name: column[rows] for name, column in self.columns.items()}
        return columns, *(each[rows] for each in self.of_rows)

    @property
    def of_rows(self) -> tuple[np.ndarray, ...]:
        """What each row has besides its columns: the target, and the weight if there are weights."""
        return (self.target,) if self.weights is None else (self.target, self.weights)

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(self.rows)

    def numeric_inputs(self) -> Arrays:
        """The numeric columns, those without codes, float32 [n]."""
        return _numbers(self.columns)

    def in_graph(self) -> Gather:
        """Store the columns as TensorFlow constants; return a function that gathers rows of them."""
        columns = _constants(self.columns)
        return lambda rows: {name: tf.gather(column, rows) for name, column in columns.items()}


class Pairs(Batches):
    """Batches of user rows and item rows; their columns are in two tables, one row per user or item.

    Columns that many interactions share are thus held once.

    Args:
        users, items: int [n], rows of the tables ``of_user`` and ``of_item``.
        of_both: columns that are in neither table, [n].
        target: float32 [n]; ``weights``: as for ``Batches``.
    """

    def __init__(
        self,
        users: np.ndarray,
        items: np.ndarray,
        of_user: Arrays,
        of_item: Arrays,
        of_both: Arrays,
        batch_size: int,
        seed: int,
        target: np.ndarray,
        weights: np.ndarray | None = None,
    ) -> None:
        super().__init__(of_both, batch_size, seed, target, weights=weights)
        self.tables = ((users, of_user), (items, of_item))

    def __getitem__(self, batch: int) -> tuple[Any, ...]:
        inputs, *of_rows = super().__getitem__(batch)
        rows = self.rows_of(batch)
        for own, table in self.tables:
            inputs |= {name: column[own[rows]] for name, column in table.items()}
        return inputs, *of_rows

    def numeric_inputs(self) -> Arrays:
        numbers = super().numeric_inputs()
        for own, table in self.tables:
            numbers |= {name: column[own] for name, column in _numbers(table).items()}
        return numbers

    def in_graph(self) -> Gather:
        of_both = super().in_graph()
        tables = [(tf.constant(own), _constants(table)) for own, table in self.tables]

        def gathered(rows: tf.Tensor) -> dict[str, tf.Tensor]:
            inputs = of_both(rows)
            for own, table in tables:
                place = tf.gather(own, rows)
                inputs |= {name: tf.gather(column, place) for name, column in table.items()}
            return inputs

        return gathered


def _numbers(columns: Arrays) -> Arrays:
    return {name: column for name, column in columns.items() if column.dtype.kind == "f"}


def _constants(columns: Arrays) -> dict[str, tf.Tensor]:
    return {name: tf.constant(_narrow(column)) for name, column in columns.items()}


def _narrow(column: np.ndarray) -> np.ndarray:
    """Halve the memory of codes; no vocabulary is so large that they need 64 bits."""
    return column.astype(np.int32) if column.dtype == np.int64 else column
