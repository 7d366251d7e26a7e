"""No ranker: candidates keep the scores, and with them the order, of retrieval."""

import numpy as np

from .operator import Column, Columns, Operator


class KeepRetrievalScores(Operator):
    """``candidate.retrieval_score`` [B, C] -> ``ranker_scores`` [B, C]. Stands in the place of ``Rank``."""

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
