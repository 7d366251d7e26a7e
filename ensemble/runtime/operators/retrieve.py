"""Query vector -> the item rows nearest to it."""

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np

from ..catalogue import NO_ROW
from ..release import EMBEDDINGS, Release
from ..search import search
from .operator import Column, Columns, Config, Operator

#: Where a condition leaves no more items than this, all of them are compared.
COMPARED = 50_000


@dataclass(frozen=True)
class RetrieveConfig(Config):
    #: How many candidates must remain after filtering, where the catalogue has as many.
    candidates: int
    #: Whether the absolute value of the inner product counts.
    absolute: bool = False


class Retrieve(Operator):
    """The items of the largest inner product: ``retrieved_rows`` and ``retrieval_scores`` [B, R].

    For a user whose candidates the request names, those and their inner products instead.

    Only items are retrieved that the user's ``allowed`` lets through. A user's search fetches as many
    items more as could be filtered away for this user, so that ``candidates`` remain. How many depends
    on the user alone, never on the rest of the batch.
    """

    name = "retrieve"
    stage = "retrieve"
    config_type = RetrieveConfig
    config: RetrieveConfig

    def __init__(self, config: RetrieveConfig, release: Release) -> None:
        super().__init__(config, release)
        self._index = release.index
        self._embeddings = release.array(EMBEDDINGS)
        self._size = release.catalogue.size

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("sought", "allowed", "seen_rows", "excluded_rows", "given_rows", "given")

    @property
    def outputs(self) -> tuple[Column, ...]:
        return (
            Column("retrieved_rows", "int64", (None,)),
            Column("retrieval_scores", "float32", (None,)),
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        query = np.ascontiguousarray(columns["sought"], dtype=np.float32)
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
        allowed = columns["allowed"]
        limited = np.array([each is not None for each in allowed], dtype=bool) & ~given
        for user in np.flatnonzero(limited):
            width = wanted[user]
            found = self._among(query[user : user + 1], int(width), allowed[user])
            scores[user, :width], rows[user, :width] = found[0][0], found[1][0]
        free = ~given & ~limited
        for width in np.unique(wanted[free]).tolist():
            users = np.flatnonzero(free & (wanted == width))
            scores[users, :width], rows[users, :width] = self._search(query[users], width)
        return {"retrieved_rows": rows, "retrieval_scores": scores}

    def _products(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """float32 [G]; -inf where there is no item."""
        real = rows >= 0
        products = np.full(len(rows), -np.inf, dtype=np.float32)
        if real.any():
            products[real] = self._embeddings[rows[real]] @ query
            if self.config.absolute:
                products[real] = np.abs(products[real])
        return products

    def _among(
        self, query: np.ndarray, width: int, allowed: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Scores and rows [1, width] of the best allowed items, padded with -inf and -1."""
        count = int(np.count_nonzero(allowed))
        # Nearly all of them: the search that skips the few. Few of them: no search is as fast.
        if count <= COMPARED and 2 * count < self._size:
            rows = np.flatnonzero(allowed)
            products = self._products(query[0], rows)
            best = np.lexsort((rows, -products))[:width]
            pad = (0, width - len(best))
            return (
                np.pad(products[best], pad, constant_values=-np.inf)[None],
                np.pad(rows[best], pad, constant_values=NO_ROW)[None],
            )
        # Where it leaves more, the search looks at as many times more as the condition leaves out.
        bits = np.packbits(allowed, bitorder="little")
        return self._search(query, width, faiss.IDSelectorBitmap(bits), self._size / count)

    def _search(
        self,
        query: np.ndarray,
        width: int,
        selector: Any = None,
        effort: float = 1.0,
    ) -> tuple[np.ndarray, np.ndarray]:
        if not self.config.absolute:
            return self._nearest(query, width, selector, effort)
        # The largest absolute products are the largest ones of the query and of its opposite. An item
        # is found by the one with which its product is positive.
        ahead = self._nearest(query, width, selector, effort)
        behind = self._nearest(-query, width, selector, effort)
        scores = np.concatenate([ahead[0], behind[0]], axis=1)
        rows = np.concatenate([ahead[1], behind[1]], axis=1)
        taken = np.concatenate([ahead[0] >= 0, behind[0] > 0], axis=1)
        scores = np.where(taken, scores, np.float32(-np.inf))
        best = np.lexsort((rows, -scores), axis=1)[:, :width]
        found = np.take_along_axis(scores, best, axis=1)
        found_rows = np.take_along_axis(rows, best, axis=1)
        return found, np.where(np.isneginf(found), NO_ROW, found_rows)

    def _nearest(
        self, query: np.ndarray, width: int, selector: Any, effort: float
    ) -> tuple[np.ndarray, np.ndarray]:
        return search(self._index, self._embeddings, query, width, selector, effort)
