"""User history: the user's other items as a list column of codes, which never holds the target."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from merlin.schema import ColumnSchema, Schema, Tags
from nvtabular.ops import Operator

from stages.columns import HISTORY, TEST, TRAIN, VALID

#: The parts that a row of each part may see.
VISIBLE = {TRAIN: (TRAIN,), VALID: (TRAIN,), TEST: (TRAIN, VALID)}


def history_lists(
    users: np.ndarray,
    items: np.ndarray,
    parts: np.ndarray,
    positive: np.ndarray,
    length: int,
    earlier_only: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Build one list per row: its user's positives in the visible parts, oldest first.

    ``users``, ``items``, ``parts``, ``positive`` (bool): [rows], the rows of a user in time order. Rows
    of ``train`` and ``valid`` see ``train``; rows of ``test`` see ``train`` and ``valid``.
    ``earlier_only``: a row sees only rows before it, otherwise all rows but itself. A list keeps the most
    recent ``length`` items.
    Returns values int64 [total] and offsets int64 [rows + 1].
    """
    rows = len(users)
    codes = pd.factorize(users)[0]
    order = np.argsort(codes, kind="stable")
    sorted_parts, sorted_positive, sorted_items = parts[order], positive[order], items[order]
    sizes = np.bincount(codes)
    ends = np.cumsum(sizes)
    begin, end = np.repeat(ends - sizes, sizes), np.repeat(ends, sizes)
    # A list is two slices of what its part may see: before the row's own item, and after it.
    starts, lengths = np.zeros((2, rows, 2), np.int64)
    sources: list[np.ndarray] = []
    for part, seen in VISIBLE.items():
        chosen = np.flatnonzero(sorted_parts == part)
        visible = np.any([sorted_parts == each for each in seen], axis=0) & sorted_positive
        before = np.concatenate([[0], np.cumsum(visible)])
        first = before[begin[chosen]]
        stop = before[chosen if earlier_only else end[chosen]]
        own = before[chosen]
        inside = visible[chosen] & (own >= stop - length) & (own < stop)
        start = np.maximum(first, stop - length - inside)
        middle = np.where(inside, own, stop)
        row, there = order[chosen], sum(map(len, sources))
        starts[row, 0], starts[row, 1] = start + there, middle + inside + there
        lengths[row, 0], lengths[row, 1] = middle - start, stop - middle - inside
        sources.append(sorted_items[visible])
    flat = lengths.ravel()
    reached = np.cumsum(flat)
    position = np.repeat(starts.ravel() - reached + flat, flat)
    position += np.arange(len(position))
    offsets = np.concatenate([[0], reached[1::2]])
    return np.concatenate(sources).take(position).astype(np.int64, copy=False), offsets


class History(Operator):
    """Adds ``HISTORY`` per partition, which must hold all rows of its users, in time order.

    Takes the raw user column (out-of-vocabulary users share a code, but not a history), the item code,
    the part of each row and whether it is a positive.
    """

    def __init__(
        self, user: str, item: str, part: str, positive: str, length: int, earlier_only: bool
    ) -> None:
        super().__init__()
        self.user = user
        self.item = item
        self.part = part
        self.positive = positive
        self.length = length
        self.earlier_only = earlier_only

    def transform(self, col_selector: Any, df: Any) -> Any:
        on_cpu = isinstance(df, pd.DataFrame)
        columns = [df[name] for name in (self.user, self.item, self.part, self.positive)]
        users, items, parts, positive = [
            column.to_numpy() if on_cpu else column.to_pandas().to_numpy() for column in columns
        ]
        values, offsets = history_lists(
            users, items, parts, positive > 0, self.length, self.earlier_only
        )
        if on_cpu:
            lists = np.empty(len(users), object)
            for row in range(len(users)):
                lists[row] = values[offsets[row] : offsets[row + 1]]
            return pd.DataFrame({HISTORY: lists})
        import cudf

        return cudf.DataFrame(
            {HISTORY: cudf.Series(pa.LargeListArray.from_arrays(offsets, values))}
        )

    def column_mapping(self, col_selector: Any) -> dict[str, list[str]]:
        return {HISTORY: [self.item]}

    def compute_output_schema(
        self, input_schema: Schema, col_selector: Any, prev_output_schema: Schema | None = None
    ) -> Schema:
        """Use the item's domain, so both columns share one embedding table."""
        item = input_schema[self.item]
        properties = {
            "domain": item.properties.get("domain", {}),
            "value_count": {"min": 0, "max": self.length},
        }
        tags = [Tags.USER, Tags.CATEGORICAL, Tags.LIST, Tags.SEQUENCE]
        return Schema(
            [
                ColumnSchema(
                    HISTORY,
                    tags=tags,
                    properties=properties,
                    dtype=np.int64,
                    is_list=True,
                    is_ragged=True,
                )
            ]
        )
