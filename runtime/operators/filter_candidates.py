"""Retrieved items -> the candidates that may be shown."""

from dataclasses import dataclass

import numpy as np

from ..candidates.catalogue import NO_ROW
from ..candidates.retrieval import kept_candidates
from ..release import Release
from .operator import Column, Columns, Config, Operator


@dataclass(frozen=True)
class FilterCandidatesConfig(Config):
    #: Width of the output.
    candidates: int


class FilterCandidates(Operator):
    """Drop items that are seen, excluded or not ``allowed``, and keep the best of the rest.

    Candidates that the request names stay even if the user has seen them.

    Makes ``candidate_rows`` [B, C], best retrieval score first, padded with -1, and
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
            *("retrieved_rows", "retrieval_scores", "had_rows", "excluded_rows"),
            *("candidates_requested", "allowed"),
        )

    @property
    def outputs(self) -> tuple[Column, ...]:
        width = (self.config.candidates,)
        return (
            Column("candidate_rows", "int64", width),
            Column("candidate.retrieval_score", "float32", width),
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        requested = columns["candidates_requested"][:, None]
        seen = np.where(requested, NO_ROW, columns["had_rows"])
        rows, scores = kept_candidates(
            columns["retrieved_rows"],
            columns["retrieval_scores"],
            np.concatenate([seen, columns["excluded_rows"]], axis=1),
            columns["allowed"],
            self._size,
            self.config.candidates,
        )
        return {"candidate_rows": rows, "candidate.retrieval_score": scores}
