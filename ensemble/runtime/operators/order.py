"""Scored candidates -> the answer."""

import numpy as np

from ..catalogue import NO_ROW
from ..release import Release
from .operator import Column, Columns, Config, Operator


class Order(Operator):
    """The ``top_k`` candidates of the highest score, ties by item id.

    Makes ``item_rows``, ``item_ids`` and ``scores`` [B, K], K the largest ``top_k`` of the batch;
    past a user's own ``top_k`` or last candidate they hold -1, the empty string and -inf.
    """

    name = "order"

    def __init__(self, config: Config, release: Release) -> None:
        super().__init__(config, release)
        self._catalogue = release.catalogue

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("candidate_rows", "ranker_scores", "top_k")

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (
            Column("item_rows", "int64", (None,)),
            Column("item_ids", "object", (None,)),
            Column("scores", "float32", (None,)),
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        rows, scores, top_k = columns["candidate_rows"], columns["ranker_scores"], columns["top_k"]
        width = int(top_k.max(initial=0))
        if width > rows.shape[1]:
            missing = ((0, 0), (0, width - rows.shape[1]))
            rows = np.pad(rows, missing, constant_values=NO_ROW)
            scores = np.pad(scores, missing, constant_values=-np.inf)
        # Missing candidates have the lowest score; their row (-1) must not win a tie at -inf.
        best = np.lexsort((rows, rows < 0, -scores), axis=1)[:, :width]
        beyond = np.arange(best.shape[1]) >= top_k[:, None]
        item_rows = np.where(beyond, NO_ROW, np.take_along_axis(rows, best, axis=1))
        ordered = np.take_along_axis(scores, best, axis=1)
        return {
            "item_rows": item_rows,
            "item_ids": self._catalogue.raw_ids(item_rows),
            "scores": np.where(item_rows < 0, np.float32(-np.inf), ordered),
        }
