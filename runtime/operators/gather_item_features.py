"""Candidates -> their encoded features."""

from dataclasses import dataclass

import numpy as np

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
