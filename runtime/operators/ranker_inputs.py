"""Candidates -> the inputs of the ranker: their encoded features and their ranker features."""

from dataclasses import dataclass

import numpy as np

from ..candidates.ranker_features import RETRIEVAL_SCORE, RankerFeatures
from ..release import Release
from .operator import Column, Columns, Config, Operator


@dataclass(frozen=True)
class GatherItemFeaturesConfig(Config):
    #: Encoded columns by name, and the arrays in row order that hold them.
    arrays: dict[str, str]


class GatherItemFeatures(Operator):
    """``candidate_rows`` [B, C] -> ``item.NAME`` [B, C] or [B, C, L].

    Padding gets the features of row 0.
    """

    name = "gather_item_features"
    stage = "rank"
    config_type = GatherItemFeaturesConfig
    config: GatherItemFeaturesConfig

    def __init__(self, config: GatherItemFeaturesConfig, release: Release) -> None:
        super().__init__(config, release)
        self._arrays = {f"item.{name}": release.array(file) for name, file in config.arrays.items()}

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("candidate_rows",)

    @property
    def outputs(self) -> tuple[Column, ...]:
        return tuple(
            Column(name, array.dtype.name, (None, *array.shape[1:]))
            for name, array in self._arrays.items()
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        rows = np.maximum(columns["candidate_rows"], 0)
        return {name: np.asarray(array[rows]) for name, array in self._arrays.items()}


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
