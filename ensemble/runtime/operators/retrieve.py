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
    #: Whether the absolute value of the inner product counts.
    absolute: bool = False
    #: HNSW only: how many nodes a search keeps in view, at least.
    search_width: int = 256


class Retrieve(Operator):
    """The items of the largest inner product: ``retrieved_rows`` and ``retrieval_scores`` [B, R].

    For a user whose candidates the request names, those and their inner products instead.

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
        return ("query", "seen_rows", "excluded_rows", "given_rows", "given")

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
        given, given_rows = columns["given"], columns["given_rows"]
        wanted = np.minimum(self.config.candidates + spare, self._size)
        wanted[given] = given_rows.shape[1]
        widest = int(wanted.max(initial=0))
        rows = np.full((len(query), widest), NO_ROW, dtype=np.int64)
        scores = np.full((len(query), widest), -np.inf, dtype=np.float32)
        for user in np.flatnonzero(given):
            named = given_rows[user]
            rows[user, : len(named)] = named
            scores[user, : len(named)] = self._products(query[user], named)
        for width in np.unique(wanted[~given]).tolist():
            users = np.flatnonzero(~given & (wanted == width))
            found_scores, found_rows = self._search(query[users], width)
            rows[users, :width] = found_rows
            scores[users, :width] = found_scores
        return {"retrieved_rows": rows, "retrieval_scores": scores}

    def _products(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """float32 [G]; -inf where there is no item."""
        real = rows >= 0
        products = np.full(len(rows), -np.inf, dtype=np.float32)
        if real.any():
            products[real] = self._index.reconstruct_batch(rows[real]) @ query
            if self.config.absolute:
                products[real] = np.abs(products[real])
        return products

    def _search(self, query: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
        if not self.config.absolute:
            return self._nearest(query, width)
        # The largest absolute products are the largest ones of the query and of its opposite. An item
        # is found by the one with which its product is positive.
        ahead, behind = self._nearest(query, width), self._nearest(-query, width)
        scores = np.concatenate([ahead[0], behind[0]], axis=1)
        rows = np.concatenate([ahead[1], behind[1]], axis=1)
        taken = np.concatenate([ahead[0] >= 0, behind[0] > 0], axis=1)
        scores = np.where(taken, scores, np.float32(-np.inf))
        best = np.lexsort((rows, -scores), axis=1)[:, :width]
        found = np.take_along_axis(scores, best, axis=1)
        found_rows = np.take_along_axis(rows, best, axis=1)
        return found, np.where(np.isneginf(found), NO_ROW, found_rows)

    def _nearest(self, query: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
        if isinstance(self._index, faiss.IndexHNSW):
            wide = faiss.SearchParametersHNSW(efSearch=max(self.config.search_width, 2 * width))
            return self._index.search(query, width, params=wide)
        return self._index.search(query, width)
