"""Features that depend on user and item: a training pair gets their values from the folds it is not in."""

from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq

from features.target_statistics import fold_of
from runtime.safe_names import safe_name
from stages.artifacts import Prepared


@dataclass(frozen=True)
class OutOfFold:
    """Encoded features of kind ``target`` by tensor, float32 [users, folds] and [items, folds]."""

    users: dict[str, np.ndarray]
    items: dict[str, np.ndarray]

    @classmethod
    def read(cls, prepared: Prepared) -> "OutOfFold":
        return cls(*(_by_fold(prepared, side) for side in ("user", "item")))

    def of_pairs(self, users: np.ndarray, items: np.ndarray) -> dict[str, np.ndarray]:
        """Values by name, float32 [n], for user rows and item rows, both [n]."""
        return {
            name: rows[own, fold_of(other, rows.shape[1])]
            for features, own, other in ((self.users, users, items), (self.items, items, users))
            for name, rows in features.items()
        }


def _by_fold(prepared: Prepared, side: str) -> dict[str, np.ndarray]:
    path = prepared.out_of_fold(side)
    if not path.exists():
        return {}
    table = pq.read_table(path)
    lists = {name: table[name].combine_chunks() for name in table.column_names}
    return {
        safe_name(name): column.flatten().to_numpy().reshape(len(column), -1)
        for name, column in lists.items()
    }
