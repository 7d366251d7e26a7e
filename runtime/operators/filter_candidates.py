"""Retrieved items -> the candidates that may be shown."""

from dataclasses import dataclass

import numpy as np

from ..candidates.catalogue import NO_ROW
from ..release import Release
from .operator import Column, Columns, Config, Operator


@dataclass(frozen=True)
class FilterCandidatesConfig(Config):
    #: Width of the output.
    candidates: int


class FilterCandidates(Operator):
    """Leave out what the user has seen, what the request excludes and what is not ``allowed``, and keep
    the best of the rest.

    Of candidates that the request names itself, seen ones stay.

    Makes ``candidate_rows`` [B, C], best retrieval score first, -1 where fewer remain, and
    ``candidate.retrieval_score`` [B, C].
    """

    name = "filter_candidates"
    stage = "filter"
    config_type = FilterCandidatesConfig
    config: FilterCandidatesConfig

    def __init__(self, config: FilterCandidatesConfig, release: Release) -> None:
        super().__init__(config, release)
        self._size = release.catalogue.size

    @property
    def inputs(self) -> tuple[str, ...]:
        return (
            "retrieved_rows",
            "retrieval_scores",
            "seen_rows",
            "excluded_rows",
            "given",
            "allowed",
        )

    @property
    def outputs(self) -> tuple[Column, ...]:
        width = (self.config.candidates,)
        return (
            Column("candidate_rows", "int64", width),
            Column("candidate.retrieval_score", "float32", width),
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        retrieved = columns["retrieved_rows"]
        seen = np.where(columns["given"][:, None], NO_ROW, columns["seen_rows"])
        blocked = np.concatenate([seen, columns["excluded_rows"]], axis=1)
        # One number per (user, item): a single membership test serves the whole batch.
        user = np.arange(len(retrieved), dtype=np.int64)[:, None] * self._size
        keep = (retrieved >= 0) & ~np.isin(retrieved + user, (blocked + user)[blocked >= 0])
        for place, allowed in enumerate(columns["allowed"]):
            if allowed is not None:
                keep[place] &= allowed[retrieved[place]]
        # The kept ones to the front, in their order.
        order = np.argsort(~keep, axis=1, kind="stable")[:, : self.config.candidates]
        kept = np.take_along_axis(keep, order, axis=1)
        shape = (len(retrieved), self.config.candidates)
        rows = np.full(shape, NO_ROW, dtype=np.int64)
        scores = np.full(shape, -np.inf, dtype=np.float32)
        # Fewer may have been retrieved than there is room for.
        for filled, found in ((rows, retrieved), (scores, columns["retrieval_scores"])):
            part = filled[:, : order.shape[1]]
            part[kept] = np.take_along_axis(found, order, axis=1)[kept]
        return {"candidate_rows": rows, "candidate.retrieval_score": scores}
