"""Item ids that a request excludes -> item rows."""

import numpy as np

from ..release import Release
from .operator import Column, Columns, Config, Operator


class EncodeExclusions(Operator):
    """``exclude_item_ids`` [B, E] -> ``excluded_rows`` [B, E]; -1 for an id that is no item."""

    name = "encode_exclusions"

    def __init__(self, config: Config, release: Release) -> None:
        super().__init__(config, release)
        self._catalogue = release.catalogue

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("exclude_item_ids",)

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (Column("excluded_rows", "int64", (None,)),)

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        ids = columns["exclude_item_ids"]
        rows = self._catalogue.rows(ids.ravel().tolist())
        return {"excluded_rows": np.array(rows, dtype=np.int64).reshape(ids.shape)}
