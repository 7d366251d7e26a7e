"""Query vector -> the item rows nearest to it, and what further sources bring for the user."""

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np

from ..candidates.catalogue import NO_ROW
from ..candidates.generators import SOURCES, TWO_TOWER, interleave
from ..candidates.inner_products import inner_products
from ..candidates.item_index import search
from ..release import EMBEDDINGS, Release
from .operator import Column, Columns, Config, Operator

#: Where a condition leaves no more items than this, all of them are compared.
COMPARED = 50_000


@dataclass(frozen=True)
class RetrieveConfig(Config):
    #: How many candidates must remain after filtering, where the catalogue has as many.
    candidates: int
    #: Whether the absolute value of the inner product counts.
    absolute: bool = False
    #: What brings candidates, in the order of their turns: the two-tower model, names in ``SOURCES``.
    sources: tuple[str, ...] = (TWO_TOWER,)


class Retrieve(Operator):
    """The items of the largest inner product: ``retrieved_rows`` and ``retrieval_scores`` [B, R].

    For a user whose candidates the request names, those and their inner products instead.

    Only items are retrieved that the user's ``allowed`` lets through. A user's search fetches as many
    items more as could be filtered away for this user, so that ``candidates`` remain. How many depends
    on the user alone, never on the rest of the batch.

    With several ``sources`` they take turns, each with its best that may be shown and is not there yet; the
    scores are inner products all the same. ``source_ranks`` int64 and ``source_scores`` float32
    [B, R, sources] then say at which place of its own list, from 1, each source had the item, and its score
    there; 0 where it had not.
    A request that names an item to be like (``similar_to``) is answered by the two-tower model alone.
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
        self._further = {
            name: SOURCES[name](self._size, release.array)
            for name in config.sources
            if name != TWO_TOWER
        }

    @property
    def inputs(self) -> tuple[str, ...]:
        several = ("similar_rows",) if self._further else ()
        return ("sought", "allowed", "seen_rows", "excluded_rows", "given_rows", "given", *several)

    @property
    def outputs(self) -> tuple[Column, ...]:
        sources = len(self.config.sources)
        several = (
            Column("source_ranks", "int64", (None, sources)),
            Column("source_scores", "float32", (None, sources)),
        )
        return (
            Column("retrieved_rows", "int64", (None,)),
            Column("retrieval_scores", "float32", (None,)),
            *(several if self._further else ()),
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
        if not self._further:
            return {"retrieved_rows": rows, "retrieval_scores": scores}
        alone = given | (columns["similar_rows"] >= 0)
        return self._merged(query, rows, scores, wanted, alone, columns)

    def _merged(
        self,
        query: np.ndarray,
        nearest: np.ndarray,
        products: np.ndarray,
        wanted: np.ndarray,
        alone: np.ndarray,
        columns: Columns,
    ) -> dict[str, np.ndarray]:
        """What all sources bring; for users who are ``alone`` with the two-tower model, what it brought."""
        sources = self.config.sources
        rows, scores = np.full_like(nearest, NO_ROW), np.full_like(products, -np.inf)
        ranks = np.zeros((*rows.shape, len(sources)), np.int64)
        of_sources = np.zeros(ranks.shape, np.float32)
        for user in range(len(rows)):
            seen, excluded = (columns[name][user] for name in ("seen_rows", "excluded_rows"))
            seen, width = seen[seen >= 0], int(wanted[user])
            merged = nearest[user, :width]
            found = {TWO_TOWER: (merged, products[user, :width])}
            if not alone[user]:
                # No turn is lost to what may not be shown.
                shown = np.ones(self._size, dtype=bool)
                shown[seen] = shown[excluded[excluded >= 0]] = False
                if columns["allowed"][user] is not None:
                    shown &= columns["allowed"][user]
                kept = (merged >= 0) & shown[merged]
                found[TWO_TOWER] = (merged[kept], products[user, :width][kept])
                for name, source in self._further.items():
                    found[name] = source.best(seen, width, shown)
                merged = interleave([found[name][0] for name in sources], width)
            rows[user, : len(merged)] = merged
            # All by the same arithmetic, whichever source brought the item.
            scores[user, : len(merged)] = self._products(query[user], merged)
            for column, name in enumerate(sources):
                if name in found:
                    place, matched = _places(merged, found[name][0])
                    ranks[user, : len(merged), column][matched] = place + 1
                    of_sources[user, : len(merged), column][matched] = found[name][1][place]
        return {
            "retrieved_rows": rows,
            "retrieval_scores": scores,
            "source_ranks": ranks,
            "source_scores": of_sources,
        }

    def _products(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """float32 [G]; -inf where there is no item."""
        real = rows >= 0
        products = np.full(len(rows), -np.inf, dtype=np.float32)
        if real.any():
            products[real] = inner_products(self._embeddings[rows[real]], query)
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


def _places(rows: np.ndarray, listed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where those of ``rows`` that are listed stand in ``listed``, and which of ``rows`` they are (bool)."""
    order = np.argsort(listed, kind="stable")
    spot = np.minimum(np.searchsorted(listed, rows, sorter=order), len(listed) - 1)
    place = order[spot] if len(listed) else spot
    matched = (rows >= 0) & (listed[place] == rows) if len(listed) else np.zeros(len(rows), bool)
    return place[matched], matched


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
