"""Retrieved items -> the candidates that may be shown."""

from dataclasses import dataclass

import numpy as np

from ..candidates.catalogue import NO_ROW
from ..candidates.retrieval import kept_candidates
from ..release import Release
from ..rules.effects import with_pins
from .operator import Column, Columns, Config, Operator


@dataclass(frozen=True)
class FilterCandidatesConfig(Config):
    #: Width of the output.
    candidates: int


class FilterCandidates(Operator):
    """Drop items that are hidden, excluded or not ``allowed``, and keep the best of the rest.

    Pinned items are candidates too, if they are not dropped and the request does not name the candidates.

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
            *("retrieved_rows", "retrieval_scores", "hidden_rows", "excluded_rows"),
            *("candidates_requested", "allowed", "pinned_rows", "pinned_scores"),
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
        blocked = [
            np.concatenate([hidden, excluded])
            for hidden, excluded in zip(
                columns["hidden_rows"], columns["excluded_rows"], strict=True
            )
        ]

        def kept(rows: np.ndarray, scores: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
            return kept_candidates(rows, scores, blocked, columns["allowed"], self._size, count)

        rows, scores = kept(
            columns["retrieved_rows"], columns["retrieval_scores"], self.config.candidates
        )
        if count := columns["pinned_rows"].shape[1]:
            pinned = np.where(requested, NO_ROW, columns["pinned_rows"])
            rows, scores = with_pins(rows, scores, *kept(pinned, columns["pinned_scores"], count))
        return {"candidate_rows": rows, "candidate.retrieval_score": scores}
