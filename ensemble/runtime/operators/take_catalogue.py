"""No retrieval: every item of a small catalogue is a candidate."""

import numpy as np

from ..catalogue import NO_ROW
from ..release import Release
from .operator import Column, Columns, Config, Operator


class TakeCatalogue(Operator):
    """``retrieved_rows`` and ``retrieval_scores`` [B, R]: all items, or those that the request names.

    Stands in the place of ``Retrieve``; every score is 0.
    """

    name = "take_catalogue"
    stage = "retrieve"

    def __init__(self, config: Config, release: Release) -> None:
        super().__init__(config, release)
        self._size = release.catalogue.size

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("given_rows", "given")

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (
            Column("retrieved_rows", "int64", (None,)),
            Column("retrieval_scores", "float32", (None,)),
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        given, named = columns["given"], columns["given_rows"]
        width = named.shape[1] if given.all() else max(self._size, named.shape[1])
        rows = np.full((len(given), width), NO_ROW, dtype=np.int64)
        if not given.all():
            rows[~given, : self._size] = np.arange(self._size)
        rows[given, : named.shape[1]] = named[given]
        scores = np.where(rows < 0, np.float32(-np.inf), np.float32(0))
        return {"retrieved_rows": rows, "retrieval_scores": scores}
