"""Items that a request excludes -> item rows."""

import numpy as np

from ..release import Release
from .operator import Column, Columns, Config, Operator


class EncodeExclusions(Operator):
    """``exclude_item_ids`` [B, E], ``similar_to`` [B] -> ``excluded_rows`` [B, E + 1].

    -1 for an id that is no item. An item is not shown among those that are like it.
    """

    name = "encode_exclusions"
    stage = "encode"

    def __init__(self, config: Config, release: Release) -> None:
        super().__init__(config, release)
        self._catalogue = release.catalogue

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("exclude_item_ids", "similar_to")

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (Column("excluded_rows", "int64", (None,)),)

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        ids = np.concatenate([columns["exclude_item_ids"], columns["similar_to"][:, None]], axis=1)
        rows = self._catalogue.rows(ids.ravel().tolist())
        return {"excluded_rows": np.array(rows, dtype=np.int64).reshape(ids.shape)}
