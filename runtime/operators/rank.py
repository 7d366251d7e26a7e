"""Candidates with their features -> the ranker's scores."""

from dataclasses import dataclass

import numpy as np

from ..release import Release
from .operator import Column, Columns, Config, Operator


@dataclass(frozen=True)
class RankConfig(Config):
    #: The column that feeds each of the model's inputs.
    feeds: dict[str, str]
    model: str = "ranker.onnx"
    #: At most this many rows per call, which keeps the model's intermediate arrays small.
    rows_per_call: int = 8192


class Rank(Operator):
    """Score the candidates: ``ranker_scores`` [B, C], -inf for padding.

    ``user.`` columns are repeated for every candidate; ``item.`` and ``candidate.`` columns have a value
    per candidate.
    """

    name = "rank"
    stage = "rank"
    config_type = RankConfig
    config: RankConfig

    def __init__(self, config: RankConfig, release: Release) -> None:
        super().__init__(config, release)
        self._model = release.model(config.model)

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("candidate_rows", *dict.fromkeys(self.config.feeds.values()))

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (Column("ranker_scores", "float32", (None,)),)

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        rows = columns["candidate_rows"]
        scores = np.full(rows.shape, -np.inf, dtype=np.float32)
        users, places = np.nonzero(rows >= 0)
        for start in range(0, len(users), self.config.rows_per_call):
            user, place = (
                each[start : start + self.config.rows_per_call] for each in (users, places)
            )
            inputs = {
                name: columns[column][user]
                if column.startswith("user.")
                else columns[column][user, place]
                for name, column in self.config.feeds.items()
            }
            scores[user, place] = self._model.run(inputs).reshape(-1)
        return {"ranker_scores": scores}


class KeepRetrievalScores(Operator):
    """``candidate.retrieval_score`` [B, C] -> ``ranker_scores`` [B, C]. Used instead of ``Rank``."""

    name = "keep_retrieval_scores"
    stage = "rank"

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("candidate.retrieval_score",)

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (Column("ranker_scores", "float32", (None,)),)

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        return {"ranker_scores": columns["candidate.retrieval_score"]}
