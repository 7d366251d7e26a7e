"""Raw item ids of a request -> item rows."""

import numpy as np

from ..release import Release
from .operator import Column, Columns, Config, Operator


class EncodeExclusions(Operator):
    """``exclude_item_ids`` [B, E], ``similar_to`` [B] -> ``excluded_rows`` [B, E + 1].

    -1 for an unknown id. A similar-item query excludes its own item.
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


class EncodeCandidates(Operator):
    """``candidate_item_ids`` [B, G] -> ``requested_rows`` [B, G], -1 for an unknown id.

    ``candidates_requested`` bool [B]: whether the request names this user's candidates, known items or not.
    Nothing is retrieved for such a user.
    """

    name = "encode_candidates"
    stage = "encode"

    def __init__(self, config: Config, release: Release) -> None:
        super().__init__(config, release)
        self._catalogue = release.catalogue

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("candidate_item_ids",)

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (Column("requested_rows", "int64", (None,)), Column("candidates_requested", "bool"))

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        ids = columns["candidate_item_ids"]
        rows = np.array(self._catalogue.rows(ids.ravel().tolist()), dtype=np.int64)
        named = np.array([any(each is not None for each in row) for row in ids.tolist()], bool)
        return {"requested_rows": rows.reshape(ids.shape), "candidates_requested": named}
