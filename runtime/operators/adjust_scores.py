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
    #: Whether the ranker's scores are probabilities.
    probabilities: bool


class AdjustScores(Operator):
    """``ranker_scores`` [B, C] -> ``final_scores`` and ``ordering_scores`` [B, C].

    The final score is the ranker's; for a similar-item query, it is the cosine with that item. The ordering
    score is the final score, boosted by the rules in force (``rules.declared``): the odds of a probability
    are multiplied by the factor; to any other score, which may be negative, the logarithm of the factor is
    added, as to log-odds. At a temperature above 0, it is that score / temperature plus standard Gumbel
    noise: the order is then a draw without replacement with probabilities ~ exp(score / temperature)
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
        return (
            *("user_id", "candidate_rows", "ranker_scores", "active_rules", "temperature", "seed"),
            *of_items,
        )

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
        ordering = self._boosted(scores, columns)
        drawn = np.flatnonzero(columns["temperature"])
        if len(drawn) and ordering is scores:
            ordering = scores.copy()
        for user in drawn:
            noise = _generator(columns, user).gumbel(size=scores.shape[1])
            # Everything times the temperature: the same order, without overflow.
            ordering[user] = ordering[user] + float(columns["temperature"][user]) * noise
        return {"final_scores": scores, "ordering_scores": ordering}

    def _boosted(self, scores: np.ndarray, columns: Columns) -> np.ndarray:
        """The scores themselves if no rule boosts an item."""
        users_by_rules: dict[int, list[int]] = {}
        for user, rules in enumerate(columns["active_rules"].tolist()):
            if rules is not None and rules.boosts:
                users_by_rules.setdefault(id(rules), []).append(user)
        if not users_by_rules:
            return scores
        scores = scores.copy()
        for users in users_by_rules.values():
            logs = columns["active_rules"][users[0]].log_factors(columns["candidate_rows"][users])
            for user, log_factors in zip(users, logs, strict=True):
                likened = self._embeddings is not None and columns["similar_rows"][user] >= 0
                as_odds = self.config.probabilities and not likened
                scores[user] = _times_odds(scores[user], log_factors, as_odds)
        return scores

    def _likened(self, scores: np.ndarray, columns: Columns) -> np.ndarray:
        assert self._embeddings is not None
        scores = scores.copy()
        for user in np.flatnonzero(columns["similar_rows"] >= 0):
            rows = columns["candidate_rows"][user]
            of = unit(self._embeddings[columns["similar_rows"][user]])
            cosines = unit(self._embeddings[np.maximum(rows, 0)]) @ of
            scores[user] = np.where(rows < 0, -np.inf, cosines)
        return scores


def _times_odds(scores: np.ndarray, log_factors: np.ndarray, probabilities: bool) -> np.ndarray:
    """Scores whose odds are multiplied; a factor of 1 changes no bit."""
    if not probabilities:
        return np.where(log_factors == 0, scores, scores + log_factors)
    factors = np.exp(log_factors)
    between = (scores > 0) & (scores < 1) & (factors != 1)
    held = np.where(between, scores, 0.5).astype(np.float64)
    return np.where(between, held * factors / (1 - held + held * factors), scores)


def _generator(columns: Columns, user: int) -> np.random.Generator:
    """Seeded by the request's seed and the user: a draw is the same alone and in any batch."""
    seed = columns["seed"][user]
    if seed is None:
        return np.random.default_rng()
    name = zlib.crc32(columns["user_id"][user].encode("utf-8", "surrogatepass"))
    return np.random.default_rng([seed & (2**64 - 1), name])
