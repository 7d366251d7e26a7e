"""Scored candidates -> the answer."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..candidates.catalogue import NO_ROW
from ..candidates.diversify import diversified
from ..release import EMBEDDINGS, Release
from ..rules.declared import AtMost
from ..rules.effects import ActiveRules
from .operator import Column, Columns, Config, Operator


@dataclass(frozen=True)
class OrderConfig(Config):
    #: Whether there are item embeddings to diversify answers with.
    retrieves: bool


class Order(Operator):
    """The ``top_k`` candidates with the highest ``ordering_scores``, ties by row; or a diverse choice.

    After that, the rules in force pin items to their places and limit how many of a category are among the
    first (``rules.effects``). ``held_back`` [B]: by item row, the limits that it gave way to, or
    None.

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
        return (
            *("candidate_rows", "ordering_scores", "final_scores", "top_k", "diversity"),
            "active_rules",
        )

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (
            Column("item_rows", "int64", (None,)),
            Column("item_ids", "object", (None,)),
            Column("scores", "float32", (None,)),
            Column("held_back", "object"),
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
        held_back = np.full(len(rows), None, dtype=object)
        for user, rules in enumerate(columns["active_rules"].tolist()):
            if rules is not None and rules.arranges:
                best[user], held_back[user] = _arranged(rules, rows[user], best[user], top_k[user])
        best = best[:, :width]
        beyond = np.arange(best.shape[1]) >= top_k[:, None]
        item_rows = np.where(beyond, NO_ROW, np.take_along_axis(rows, best, axis=1))
        ordered = np.take_along_axis(scores, best, axis=1)
        return {
            "item_rows": item_rows,
            "item_ids": self._catalogue.raw_ids(item_rows),
            "scores": np.where(item_rows < 0, np.float32(-np.inf), ordered),
            "held_back": held_back,
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


def _arranged(
    rules: ActiveRules, rows: np.ndarray, best: np.ndarray, top_k: np.integer[Any]
) -> tuple[np.ndarray, dict[int, list[AtMost]]]:
    """The positions ``best`` [C] as the rules arrange them, and the limits that items gave way to."""
    ordered = rows[best].tolist()
    arranged = rules.arranged(ordered, int(top_k))
    place_of = {row: place for place, row in reversed([*enumerate(ordered)])}
    first = [place_of[row] for row in arranged.rows]
    return np.concatenate([best[first], np.delete(best, first)]), arranged.held_back
