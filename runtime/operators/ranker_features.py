"""Candidates, seen items and retrieval scores -> ranker features."""

from dataclasses import dataclass

import numpy as np

from ..candidates.ranker_features import RETRIEVAL_SCORE, RankerFeatures
from ..release import Release
from .operator import Column, Columns, Config, Operator


@dataclass(frozen=True)
class ComputeRankerFeaturesConfig(Config):
    #: Names of ranker features, other than the retrieval score itself.
    features: tuple[str, ...]


class ComputeRankerFeatures(Operator):
    """``candidate_rows`` [B, C], a user's rows [B], retrieval score -> ``candidate.NAME`` [B, C]."""

    name = "compute_ranker_features"
    stage = "rank"
    config_type = ComputeRankerFeaturesConfig
    config: ComputeRankerFeaturesConfig

    def __init__(self, config: ComputeRankerFeaturesConfig, release: Release) -> None:
        super().__init__(config, release)
        self._features = RankerFeatures(config.features, release.catalogue.size, release.array)

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("candidate_rows", "seen_rows", "recent_rows", f"candidate.{RETRIEVAL_SCORE}")

    @property
    def outputs(self) -> tuple[Column, ...]:
        return tuple(
            Column(f"candidate.{name}", "float32", (None,)) for name in self.config.features
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        made = self._features.compute(
            columns["candidate_rows"],
            columns["seen_rows"],
            columns["recent_rows"],
            columns[f"candidate.{RETRIEVAL_SCORE}"],
        )
        return {f"candidate.{name}": values for name, values in made.items()}
