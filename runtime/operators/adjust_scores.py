"""The scores of an answer, and the scores that order it."""

import zlib
from dataclasses import dataclass

import numpy as np

from ..candidates.diversify import unit
from ..release import EMBEDDINGS, Release
from .operator import Column, Columns, Config, Operator


@dataclass(frozen=True)
class AdjustScoresConfig(Config):
    #: Whether there are item embeddings to compare items with.
    retrieves: bool


class AdjustScores(Operator):
    """``ranker_scores`` [B, C] -> ``final_scores`` and ``ordering_scores`` [B, C].

    The final score is the ranker's; for a similar-item query, it is the cosine with that item. The ordering
    score is the final score; at a temperature above 0, it is score / temperature plus standard Gumbel noise:
    the order is then a draw without replacement with probabilities ~ exp(score / temperature)
    (W. Kool et al., "Stochastic Beams and Where to Find Them", ICML 2019).
    """

    name = "adjust_scores"
    stage = "order"
    config_type = AdjustScoresConfig
    config: AdjustScoresConfig

    def __init__(self, config: AdjustScoresConfig, release: Release) -> None:
        super().__init__(config, release)
        self._embeddings = release.array(EMBEDDINGS) if config.retrieves else None

    @property
    def inputs(self) -> tuple[str, ...]:
        of_items = ("similar_rows",) if self.config.retrieves else ()
        return ("user_id", "candidate_rows", "ranker_scores", "temperature", "seed", *of_items)

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (
            Column("final_scores", "float32", (None,)),
            Column("ordering_scores", "float32", (None,)),
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        scores = columns["ranker_scores"]
        if self._embeddings is not None and (columns["similar_rows"] >= 0).any():
            scores = self._likened(scores, columns)
        ordering = scores
        drawn = np.flatnonzero(columns["temperature"])
        if len(drawn):
            ordering = scores.copy()
        for user in drawn:
            noise = _generator(columns, user).gumbel(size=scores.shape[1])
            # Everything times the temperature: the same order, without overflow.
            ordering[user] = scores[user] + float(columns["temperature"][user]) * noise
        return {"final_scores": scores, "ordering_scores": ordering}

    def _likened(self, scores: np.ndarray, columns: Columns) -> np.ndarray:
        assert self._embeddings is not None
        scores = scores.copy()
        for user in np.flatnonzero(columns["similar_rows"] >= 0):
            rows = columns["candidate_rows"][user]
            of = unit(self._embeddings[columns["similar_rows"][user]])
            cosines = unit(self._embeddings[np.maximum(rows, 0)]) @ of
            scores[user] = np.where(rows < 0, -np.inf, cosines)
        return scores


def _generator(columns: Columns, user: int) -> np.random.Generator:
    """Seeded by the request's seed and the user: a draw is the same alone and in any batch."""
    seed = columns["seed"][user]
    if seed is None:
        return np.random.default_rng()
    name = zlib.crc32(columns["user_id"][user].encode("utf-8", "surrogatepass"))
    return np.random.default_rng([seed & (2**64 - 1), name])
