"""Embeddings of several columns; columns with a single code are looked up together.

The cost of a look-up in a small table is mostly the operation itself, and its gradient adds another one and
a pass over the table: with a dozen columns that is most of a DLRM's step. In training, tables of the same
width are concatenated: one look-up reads them all, and one sum writes all their gradients.
"""

from collections.abc import Callable
from itertools import groupby
from typing import Any

import merlin.models.tf as mm
import tensorflow as tf

from models.layers.pooling import PooledEmbedding

#: Rows of the largest table that is looked up together with others: every step copies the whole table.
MOST_ROWS = 5_000


class EmbeddedColumns(mm.ParallelBlock):
    """``PooledEmbedding`` branches by column -> float32 [batch, dim] by column, as each branch returns it."""

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False, **_: Any) -> Any:
        branches = self.parallel_dict
        outputs: dict[str, tf.Tensor] = {}
        if training:
            single = [name for name in branches if _is_single(branches[name], inputs[name])]
            single.sort(key=lambda name: branches[name].table.dim)
            for _, names in groupby(single, key=lambda name: branches[name].table.dim):
                outputs |= _looked_up({name: branches[name] for name in names}, inputs)
        return {
            name: outputs[name] if name in outputs else branch(inputs[name], training=training)
            for name, branch in branches.items()
        }


def _is_single(branch: PooledEmbedding, codes: tf.Tensor) -> bool:
    one_code = codes.shape.rank == 2 and codes.shape[1] == 1
    return one_code and not branch.dropout and branch.table.table.input_dim <= MOST_ROWS


def _looked_up(
    branches: dict[str, PooledEmbedding], inputs: dict[str, tf.Tensor]
) -> dict[str, tf.Tensor]:
    tables = [_weights(branch) for branch in branches.values()]
    sizes = [table.shape[0] for table in tables]
    last = sum(sizes)  # a row of zeros after all tables, for code 0
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    rows = tf.concat(
        [
            tf.where(codes > 0, codes + start, last)
            for start, codes in zip(
                starts, (tf.cast(inputs[name], tf.int32) for name in branches), strict=True
            )
        ],
        axis=1,
    )
    vectors = _end_to_end(rows, sizes, [tf.convert_to_tensor(table) for table in tables])
    return dict(zip(branches, tf.unstack(vectors, axis=1), strict=True))


def _end_to_end(rows: tf.Tensor, sizes: list[int], tables: list[tf.Tensor]) -> tf.Tensor:
    """Look up rows [batch, columns] of concatenated tables, then a row of zeros: [batch, columns, dim]."""

    @tf.custom_gradient
    def look_up(*tables: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], list[tf.Tensor]]]:
        dim = tables[0].shape[1]
        whole = tf.concat([*tables, tf.zeros((1, dim))], axis=0)

        def gradient(upstream: tf.Tensor) -> list[tf.Tensor]:
            summed = tf.math.unsorted_segment_sum(upstream, rows, sum(sizes) + 1)
            return tf.split(summed, [*sizes, 1], axis=0)[:-1]

        return tf.gather(whole, rows), gradient

    return look_up(*tables)


def _weights(branch: PooledEmbedding) -> tf.Variable:
    table = branch.table.table
    if not table.built:
        with tf.name_scope(table.name):
            table.build(())
    return table.embeddings
