"""Query vector -> the item rows nearest to it."""

from dataclasses import dataclass

import faiss
import numpy as np

from ..catalogue import NO_ROW
from ..release import Release
from .operator import Column, Columns, Config, Operator


@dataclass(frozen=True)
class RetrieveConfig(Config):
    #: How many candidates must remain after filtering, where the catalogue has as many.
    candidates: int
    #: HNSW only: how many nodes a search keeps in view, at least.
    search_width: int = 256


class Retrieve(Operator):
    """The items of the largest inner product: ``retrieved_rows`` and ``retrieval_scores`` [B, R].

    A user's search fetches as many items more as could be filtered away for this user, so that
    ``candidates`` remain. How many depends on the user alone, never on the rest of the batch.
    """

    name = "retrieve"
    config_type = RetrieveConfig
    config: RetrieveConfig

    def __init__(self, config: RetrieveConfig, release: Release) -> None:
        super().__init__(config, release)
        self._index = release.index
        self._size = release.catalogue.size

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("query", "seen_rows", "excluded_rows")

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (
            Column("retrieved_rows", "int64", (None,)),
            Column("retrieval_scores", "float32", (None,)),
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        query = np.ascontiguousarray(columns["query"], dtype=np.float32)
        blocked = (columns["seen_rows"] >= 0).sum(axis=1) + (columns["excluded_rows"] >= 0).sum(
            axis=1
        )
        # Rounded up to a power of two, so that users of a batch share a search.
        spare = np.where(
            blocked > 0, 1 << np.ceil(np.log2(np.maximum(blocked, 1))).astype(np.int64), 0
        )
        wanted = np.minimum(self.config.candidates + spare, self._size)
        widest = int(wanted.max(initial=0))
        rows = np.full((len(query), widest), NO_ROW, dtype=np.int64)
        scores = np.full((len(query), widest), -np.inf, dtype=np.float32)
        for width in np.unique(wanted).tolist():
            users = np.flatnonzero(wanted == width)
            found_scores, found_rows = self._search(query[users], width)
            rows[users, :width] = found_rows
            scores[users, :width] = found_scores
        return {"retrieved_rows": rows, "retrieval_scores": scores}

    def _search(self, query: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(self._index, faiss.IndexHNSW):
            wide = faiss.SearchParametersHNSW(efSearch=max(self.config.search_width, 2 * width))
            return self._index.search(query, width, params=wide)
        return self._index.search(query, width)
