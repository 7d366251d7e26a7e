"""Scored candidates -> the answer."""

from dataclasses import dataclass

import numpy as np

from ..candidates.catalogue import NO_ROW
from ..candidates.diversify import diversified
from ..release import EMBEDDINGS, Release
from .operator import Column, Columns, Config, Operator


@dataclass(frozen=True)
class OrderConfig(Config):
    #: Whether there are item embeddings to diversify answers with.
    retrieves: bool


class Order(Operator):
    """The ``top_k`` candidates with the highest ``ordering_scores``, ties by row; or a diverse choice.

    Makes ``item_rows``, ``item_ids`` and ``scores`` [B, K], K the largest ``top_k`` of the batch;
    past a user's own ``top_k`` or last candidate they hold -1, the empty string and -inf.
    """

    name = "order"
    stage = "order"
    config_type = OrderConfig
    config: OrderConfig

    def __init__(self, config: OrderConfig, release: Release) -> None:
        super().__init__(config, release)
        self._catalogue = release.catalogue
        self._embeddings = release.array(EMBEDDINGS) if config.retrieves else None

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("candidate_rows", "ordering_scores", "final_scores", "top_k", "diversity")

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (
            Column("item_rows", "int64", (None,)),
            Column("item_ids", "object", (None,)),
            Column("scores", "float32", (None,)),
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        rows, top_k = columns["candidate_rows"], columns["top_k"]
        ordering, scores = columns["ordering_scores"], columns["final_scores"]
        width = int(top_k.max(initial=0))
        if width > rows.shape[1]:
            missing = ((0, 0), (0, width - rows.shape[1]))
            rows = np.pad(rows, missing, constant_values=NO_ROW)
            scores = np.pad(scores, missing, constant_values=-np.inf)
            ordering = np.pad(ordering, missing, constant_values=-np.inf)
        # Missing candidates have the lowest score; their row (-1) must not win a tie at -inf.
        best = np.lexsort((rows, rows < 0, -ordering), axis=1)
        for user in np.flatnonzero(columns["diversity"]):
            best[user] = self._diverse(rows[user], ordering[user], best[user], columns, user)
        best = best[:, :width]
        beyond = np.arange(best.shape[1]) >= top_k[:, None]
        item_rows = np.where(beyond, NO_ROW, np.take_along_axis(rows, best, axis=1))
        ordered = np.take_along_axis(scores, best, axis=1)
        return {
            "item_rows": item_rows,
            "item_ids": self._catalogue.raw_ids(item_rows),
            "scores": np.where(item_rows < 0, np.float32(-np.inf), ordered),
        }

    def _diverse(
        self,
        rows: np.ndarray,
        ordering: np.ndarray,
        best: np.ndarray,
        columns: Columns,
        user: int,
    ) -> np.ndarray:
        """The positions ``best`` [C], those chosen for diversity first."""
        assert self._embeddings is not None  # the request was checked
        real = best[rows[best] >= 0]
        chosen = diversified(
            ordering[real],
            self._embeddings[rows[real]],
            float(columns["diversity"][user]),
            int(columns["top_k"][user]),
        )
        return np.concatenate([real[chosen], np.delete(real, chosen), best[rows[best] < 0]])
