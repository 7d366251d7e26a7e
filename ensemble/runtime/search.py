"""Queries -> the item rows of the largest inner products, by way of the item index."""

from typing import Any

import faiss
import numpy as np

from .catalogue import NO_ROW
from .inner_products import inner_products

#: An approximate index names so many times the items that are wanted; their embeddings decide.
NAMED_PER_WANTED = 5
#: Where items are left out, the search looks into as many times more clusters, up to this.
GREATEST_EFFORT = 16


def search(
    index: faiss.Index,
    embeddings: np.ndarray,
    queries: np.ndarray,
    width: int,
    selector: Any = None,
    effort: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Inner products float32 and rows int64, both [B, width], best first; -inf and -1 pad.

    Args:
        embeddings: float32 [items, d], by row, what the index was built of.
        queries: float32 [B, d].
        selector: FAISS's; only rows that it lets through are found.
        effort: how many times more than usual to look at, where the index is approximate.
    """
    if not isinstance(index, faiss.IndexIVF):
        parameters = None if selector is None else faiss.SearchParameters(sel=selector)
        scores, rows = index.search(queries, width, params=parameters)
        return np.where(rows < 0, np.float32(-np.inf), scores), rows
    probes = min(index.nlist, int(index.nprobe * min(effort, GREATEST_EFFORT)))
    parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector)
    scores = np.full((len(queries), width), -np.inf, dtype=np.float32)
    rows = np.full((len(queries), width), NO_ROW, dtype=np.int64)
    # One query at a time, so that its answer does not depend on the others.
    for place, query in enumerate(queries):
        _, [named] = index.search(query[None], NAMED_PER_WANTED * width, params=parameters)
        named = named[named >= 0]
        products = inner_products(embeddings[named], query)
        if len(named) > width:  # a partition first: all of them need no sorting
            top = np.argpartition(-products, width - 1)[:width]
            named, products = named[top], products[top]
        best = np.lexsort((named, -products))
        scores[place, : len(best)] = products[best]
        rows[place, : len(best)] = named[best]
    return scores, rows
