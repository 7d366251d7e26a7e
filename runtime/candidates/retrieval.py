"""Retrieval: the candidates of each candidate generator, merged in turns.

The ranker's training rows, the evaluated funnel and the server all use this code.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np

from .best import best
from .catalogue import NO_ROW
from .generators import GENERATORS, TWO_TOWER
from .inner_products import inner_products
from .item_index import search

#: If a condition leaves no more items than this, all of them are compared.
COMPARED = 50_000


@dataclass(frozen=True)
class Wanted:
    """The items that B users may be shown.

    ``seen_rows`` int64 [B, S]: the items of the users' interactions, oldest first. ``hidden_rows`` int64
    [B, H] and ``excluded_rows`` int64 [B, E]: item rows that are filtered out afterwards. -1 pads all
    three. ``allowed`` object [B]: a bool [items], or None if all items are allowed.
    ``requested`` bool [B]: whether the request names the candidates, ``requested_rows`` int64 [B, G];
    nothing is retrieved then. ``two_tower_only`` bool [B]: the other generators are not used.
    """

    seen_rows: np.ndarray
    hidden_rows: np.ndarray
    excluded_rows: np.ndarray
    allowed: np.ndarray
    requested: np.ndarray
    requested_rows: np.ndarray
    two_tower_only: np.ndarray

    @classmethod
    def but_hidden(cls, seen_rows: np.ndarray, hidden_rows: np.ndarray) -> "Wanted":
        """Anything but the hidden items."""
        users = len(seen_rows)
        none = np.zeros((users, 0), np.int64)
        never = np.zeros(users, bool)
        anything = np.full(users, None, object)
        return cls(seen_rows, hidden_rows, none, anything, never, none, never)


@dataclass(frozen=True)
class Retrieved:
    """``rows`` int64 and ``scores`` float32 (inner products), both [B, R]; -1 and -inf pad.

    With several generators, ``generator_ranks`` int64 and ``generator_scores`` float32 [B, R, generators]
    are the item's rank, from 1, in each generator's own list and its score there; 0 if the list does not
    contain it.
    """

    rows: np.ndarray
    scores: np.ndarray
    generator_ranks: np.ndarray | None = None
    generator_scores: np.ndarray | None = None


class CandidateRetrieval:
    """Retrieves candidates from the item index and from further generators.

    A user's search fetches as many extra items as could be filtered out for this user: ``candidates``
    must remain. Their number depends on the user alone, never on the rest of the batch.

    Args:
        index: the FAISS index over ``embeddings``, float32 [items, d].
        array: returns an array of the release by its file name, for the generators.
        candidates: how many must remain after filtering, if the catalogue has that many.
        absolute: whether to rank by the absolute value of the inner product.
        generators: by name, in the order of their turns; the two-tower model is one.
    """

    def __init__(
        self,
        index: faiss.Index,
        embeddings: np.ndarray,
        array: Callable[[str], np.ndarray],
        *,
        candidates: int,
        absolute: bool = False,
        generators: Sequence[str] = (TWO_TOWER,),
    ) -> None:
        self._index, self._embeddings, self._size = index, embeddings, len(embeddings)
        self._candidates, self._absolute, self._names = candidates, absolute, tuple(generators)
        self._further = {
            name: GENERATORS[name](self._size, array) for name in generators if name != TWO_TOWER
        }

    def retrieve(self, queries: np.ndarray, wanted: Wanted) -> Retrieved:
        """The items with the largest inner product with float32 [B, d], and those of further generators.

        Several generators take turns; each adds its best item that may be shown and is not listed yet.
        """
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        widths = self._widths(wanted)
        widest = int(widths.max(initial=0))
        rows = np.full((len(queries), widest), NO_ROW, dtype=np.int64)
        scores = np.full((len(queries), widest), -np.inf, dtype=np.float32)
        for user in np.flatnonzero(wanted.requested):
            named = wanted.requested_rows[user]
            rows[user, : len(named)] = named
            scores[user, : len(named)] = self._products(queries[user], named)
        limited = np.array([each is not None for each in wanted.allowed], dtype=bool)
        limited &= ~wanted.requested
        for user in np.flatnonzero(limited):
            width = int(widths[user])
            found = self._among(queries[user : user + 1], width, wanted.allowed[user])
            rows[user, :width], scores[user, :width] = found[0][0], found[1][0]
        free = ~wanted.requested & ~limited
        for width in np.unique(widths[free]).tolist():
            users = np.flatnonzero(free & (widths == width))
            rows[users, :width], scores[users, :width] = self._search(queries[users], width)
        if not self._further:
            return Retrieved(rows, scores)
        return self._merged(queries, rows, scores, widths, wanted)

    def _widths(self, wanted: Wanted) -> np.ndarray:
        """How many items each user's search fetches, int64 [B]."""
        blocked = (wanted.hidden_rows >= 0).sum(axis=1) + (wanted.excluded_rows >= 0).sum(axis=1)
        # Rounded up to a power of two, which lets users of a batch share a search.
        powers = 1 << np.ceil(np.log2(np.maximum(blocked, 1))).astype(np.int64)
        widths = np.minimum(self._candidates + np.where(blocked > 0, powers, 0), self._size)
        widths[wanted.requested] = wanted.requested_rows.shape[1]
        return np.asarray(widths)

    def _merged(
        self,
        queries: np.ndarray,
        nearest: np.ndarray,
        products: np.ndarray,
        widths: np.ndarray,
        wanted: Wanted,
    ) -> Retrieved:
        """Merge the two-tower model's items with those of the other generators."""
        rows, scores = np.full_like(nearest, NO_ROW), np.full_like(products, -np.inf)
        ranks = np.zeros((*rows.shape, len(self._names)), np.int64)
        own_scores = np.zeros(ranks.shape, np.float32)
        for user in range(len(rows)):
            width = int(widths[user])
            merged = nearest[user, :width]
            lists = {TWO_TOWER: (merged, products[user, :width])}
            if not (wanted.requested[user] or wanted.two_tower_only[user]):
                lists = self._lists(user, *lists[TWO_TOWER], wanted)
                merged = interleave([lists[name][0] for name in self._names], width)
            rows[user, : len(merged)] = merged
            # All with the same arithmetic, whichever generator an item is from.
            scores[user, : len(merged)] = self._products(queries[user], merged)
            for column, name in enumerate(self._names):
                if name in lists:
                    place, matched = _places(merged, lists[name][0])
                    ranks[user, : len(merged), column][matched] = place + 1
                    own_scores[user, : len(merged), column][matched] = lists[name][1][place]
        return Retrieved(rows, scores, ranks, own_scores)

    def _lists(
        self, user: int, nearest: np.ndarray, products: np.ndarray, wanted: Wanted
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Rows and scores of each generator's best items that may be shown; others would waste its turns."""
        seen = wanted.seen_rows[user]
        seen = seen[seen >= 0]
        shown = np.ones(self._size, dtype=bool)
        for kept_out in (wanted.hidden_rows[user], wanted.excluded_rows[user]):
            shown[kept_out[kept_out >= 0]] = False
        if wanted.allowed[user] is not None:
            shown &= wanted.allowed[user]
        kept = (nearest >= 0) & shown[nearest]
        lists = {TWO_TOWER: (nearest[kept], products[kept])}
        for name, generator in self._further.items():
            lists[name] = generator.best(seen, len(nearest), shown)
        return lists

    def _products(self, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """float32 [G]; -inf for padding."""
        real = rows >= 0
        products = np.full(len(rows), -np.inf, dtype=np.float32)
        if real.any():
            products[real] = inner_products(self._embeddings[rows[real]], query)
            if self._absolute:
                products[real] = np.abs(products[real])
        return products

    def _among(
        self, query: np.ndarray, width: int, allowed: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows and scores [1, width] of the best allowed items, padded with -1 and -inf."""
        count = int(np.count_nonzero(allowed))
        # Few allowed items are compared faster than searched; if most are allowed, the search skips the rest.
        if count <= COMPARED and 2 * count < self._size:
            rows = np.flatnonzero(allowed)
            products = self._products(query[0], rows)
            chosen = best(products, width)
            pad = (0, width - len(chosen))
            return (
                np.pad(rows[chosen], pad, constant_values=NO_ROW)[None],
                np.pad(products[chosen], pad, constant_values=-np.inf)[None],
            )
        # The effort grows with the share of items that the condition leaves out.
        bits = np.packbits(allowed, bitorder="little")
        return self._search(query, width, faiss.IDSelectorBitmap(bits), self._size / count)

    def _search(
        self, queries: np.ndarray, width: int, selector: Any = None, effort: float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows and scores [B, width]."""
        if not self._absolute:
            return search(self._index, self._embeddings, queries, width, selector, effort)
        # The largest absolute products are the largest products of the query and of its negative. An item
        # counts for the one with which its product is positive.
        ahead, behind = (
            search(self._index, self._embeddings, each, width, selector, effort)
            for each in (queries, -queries)
        )
        rows = np.concatenate([ahead[0], behind[0]], axis=1)
        scores = np.concatenate([ahead[1], behind[1]], axis=1)
        taken = np.concatenate([ahead[1] >= 0, behind[1] > 0], axis=1)
        scores = np.where(taken, scores, np.float32(-np.inf))
        chosen = np.lexsort((rows, -scores), axis=1)[:, :width]
        found = np.take_along_axis(scores, chosen, axis=1)
        found_rows = np.take_along_axis(rows, chosen, axis=1)
        return np.where(np.isneginf(found), NO_ROW, found_rows), found


def interleave(lists: Sequence[np.ndarray], width: int) -> np.ndarray:
    """The first of every list, then the second of every list, and so on: each row once.

    Returns int64 [at most ``width``]. A row below 0 is padding.
    """
    longest = max((len(each) for each in lists), default=0)
    places = np.full((longest, len(lists)), NO_ROW, np.int64)
    for column, each in enumerate(lists):
        places[: len(each), column] = each
    rows = places.ravel()
    rows = rows[rows >= 0]
    _, first = np.unique(rows, return_index=True)
    return rows[np.sort(first)][:width]


def kept_candidates(
    rows: np.ndarray,
    scores: np.ndarray,
    blocked_rows: np.ndarray,
    allowed: np.ndarray,
    items: int,
    count: int,
) -> tuple[np.ndarray, np.ndarray]:
    """The first ``count`` of retrieved rows and scores [B, R] that may be shown; -1 and -inf pad.

    Args:
        blocked_rows: int64 [B, X], the items that each user may not be shown; -1 pads.
        allowed: as in ``Wanted``. ``items``: the number of items.
    """
    # One number per (user, item): a single membership test serves the whole batch.
    user = np.arange(len(rows), dtype=np.int64)[:, None] * items
    keep = (rows >= 0) & ~np.isin(rows + user, (blocked_rows + user)[blocked_rows >= 0])
    for place, mask in enumerate(allowed):
        if mask is not None:
            keep[place] &= mask[rows[place]]
    # Move the kept ones to the front, in order.
    order = np.argsort(~keep, axis=1, kind="stable")[:, :count]
    kept = np.take_along_axis(keep, order, axis=1)
    kept_rows = np.full((len(rows), count), NO_ROW, dtype=np.int64)
    kept_scores = np.full((len(rows), count), -np.inf, dtype=np.float32)
    # Fewer than ``count`` may have been retrieved.
    for filled, found in ((kept_rows, rows), (kept_scores, scores)):
        part = filled[:, : order.shape[1]]
        part[kept] = np.take_along_axis(found, order, axis=1)[kept]
    return kept_rows, kept_scores


def _places(rows: np.ndarray, listed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions in ``listed`` of those ``rows`` that it contains, and which of ``rows`` they are (bool)."""
    order = np.argsort(listed, kind="stable")
    spot = np.minimum(np.searchsorted(listed, rows, sorter=order), len(listed) - 1)
    place = order[spot] if len(listed) else spot
    matched = (rows >= 0) & (listed[place] == rows) if len(listed) else np.zeros(len(rows), bool)
    return place[matched], matched
