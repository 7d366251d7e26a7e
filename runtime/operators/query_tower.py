"""Encoded user -> query vector."""

from dataclasses import dataclass

import numpy as np

from ..release import Release
from .operator import Column, Columns, Config, Operator


@dataclass(frozen=True)
class QueryTowerConfig(Config):
    #: The column that feeds each of the model's inputs.
    feeds: dict[str, str]
    model: str = "query_tower.onnx"


class QueryTower(Operator):
    """Compute ``query`` [B, d] float32 from ``user.`` columns."""

    name = "query_tower"
    stage = "query"
    config_type = QueryTowerConfig
    config: QueryTowerConfig

    def __init__(self, config: QueryTowerConfig, release: Release) -> None:
        super().__init__(config, release)
        self._model = release.model(config.model)

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(self.config.feeds.values())

    @property
    def outputs(self) -> tuple[Column, ...]:
        width = self._model.output_shape[-1]
        return (Column("query", "float32", (width if isinstance(width, int) else None,)),)

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        inputs = {name: columns[column] for name, column in self.config.feeds.items()}
        return {"query": self._model.run(inputs)}
