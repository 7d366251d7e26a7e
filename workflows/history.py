"""Each user's other interactions, as a list column of item codes that never shows the target."""

import workflows.merlin_compat  # noqa: F401  isort: skip

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from merlin.schema import ColumnSchema, Schema, Tags
from nvtabular.ops import Operator

from workflows.splits import TEST, TRAIN, VALID

#: What a row of each part may see.
VISIBLE = {TRAIN: (TRAIN,), VALID: (TRAIN,), TEST: (TRAIN, VALID)}


def history_lists(
    users: np.ndarray,
    items: np.ndarray,
    parts: np.ndarray,
    positive: np.ndarray,
    length: int,
    earlier_only: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Values and offsets of one list per row: its user's positives in the visible parts, oldest first.

    ``users``, ``items``, ``parts``, ``positive`` (bool): [rows]; a user's rows stand in the order of
    time. A row of ``train`` sees ``train``, one of ``valid`` too, one of ``test`` ``train`` and ``valid``.
    ``earlier_only``: only rows before its own; otherwise every row but its own. At most ``length``
    items, the most recent ones.
    Returns values int64 [total] and offsets int64 [rows + 1].
    """
    rows = len(users)
    codes = pd.factorize(users)[0]
    order = np.argsort(codes, kind="stable")
    sorted_users, sorted_parts, sorted_positive = codes[order], parts[order], positive[order]
    begin = np.searchsorted(sorted_users, sorted_users, side="left")
    end = np.searchsorted(sorted_users, sorted_users, side="right")
    lengths = np.zeros(rows, np.int64)
    pieces: list[tuple[np.ndarray, np.ndarray]] = []
    for part, seen in VISIBLE.items():
        chosen = np.flatnonzero(sorted_parts == part)
        visible = np.isin(sorted_parts, seen) & sorted_positive
        source = items[order][visible]
        before = np.concatenate([[0], np.cumsum(visible)])
        stop = before[chosen if earlier_only else end[chosen]]
        own = np.where(visible[chosen] & (not earlier_only), before[chosen], np.iinfo(np.int64).max)
        start = np.maximum(before[begin[chosen]], stop - length)
        inside = (own >= start) & (own < stop)
        start = np.where(inside, np.maximum(before[begin[chosen]], start - 1), start)
        counts = stop - start - inside
        lengths[chosen] = counts
        position = np.repeat(start, counts) + _within(counts)
        position += position >= np.repeat(np.where(inside, own, stop), counts)
        pieces.append((chosen, source[position]))
    original = np.zeros(rows, np.int64)
    original[order] = lengths
    offsets = np.concatenate([[0], np.cumsum(original)]).astype(np.int64)
    values = np.empty(int(offsets[-1]), np.int64)
    for chosen, found in pieces:
        counts = lengths[chosen]
        values[np.repeat(offsets[order[chosen]], counts) + _within(counts)] = found
    return values, offsets


def _within(counts: np.ndarray) -> np.ndarray:
    """0, 1, ... count - 1 for each count, one after the other."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


class History(Operator):
    """Adds ``<item>_history``, per partition: all rows of a user must lie in one, in order of time.

    Takes the raw user column (users outside the vocabulary share a code, not a past), the item code,
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

    @property
    def name(self) -> str:
        return history_name(self.item)

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
            return pd.DataFrame({self.name: lists})
        import cudf

        return cudf.DataFrame(
            {self.name: cudf.Series(pa.LargeListArray.from_arrays(offsets, values))}
        )

    def column_mapping(self, col_selector: Any) -> dict[str, list[str]]:
        return {self.name: [self.item]}

    def compute_output_schema(
        self, input_schema: Schema, col_selector: Any, prev_output_schema: Schema | None = None
    ) -> Schema:
        """The item's domain, so that both columns share one embedding table."""
        item = input_schema[self.item]
        properties = {
            "domain": item.properties.get("domain", {}),
            "value_count": {"min": 0, "max": self.length},
        }
        tags = [Tags.USER, Tags.CATEGORICAL, Tags.LIST, Tags.SEQUENCE]
        return Schema(
            [
                ColumnSchema(
                    self.name,
                    tags=tags,
                    properties=properties,
                    dtype=np.int64,
                    is_list=True,
                    is_ragged=True,
                )
            ]
        )


def history_name(item: str) -> str:
    """The name of the history column of an item id column."""
    return f"{item}_history"
