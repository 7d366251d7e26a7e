"""Exact retrieval in memory: the best unseen items of every user."""

import numpy as np

#: Scores held at once: users of a chunk times items.
CHUNK_CELLS = 10_000_000


def retrieve(
    queries: np.ndarray,
    items: np.ndarray,
    seen: list[np.ndarray],
    count: int,
    *,
    absolute: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The ``count`` items of highest inner product that a user has not seen, best first.

    ``absolute``: of highest absolute inner product.

    Args:
        queries: float32 [users, dim]; items: float32 [n, dim].
        seen: item rows of each user.
    Returns:
        item rows int64 [users, count], -1 where fewer remain; scores float32, -inf there.
    """
    count = min(count, len(items))
    rows = np.empty((len(queries), count), np.int64)
    scores = np.empty((len(queries), count), np.float32)
    chunk = max(1, CHUNK_CELLS // len(items))
    for start in range(0, len(queries), chunk):
        part = slice(start, min(start + chunk, len(queries)))
        products = queries[part] @ items.T
        if absolute:
            np.abs(products, out=products)
        for row, taken in enumerate(seen[part]):
            products[row, taken] = -np.inf
        best = np.argpartition(-products, count - 1, axis=1)[:, :count]
        # Equal scores in the order of rows, as everywhere; where some of them must stay out, a full
        # sort says which.
        worst = np.take_along_axis(products, best[:, -1:], axis=1)
        tied = (products >= worst).sum(axis=1) > count
        best[tied] = np.argsort(-products[tied], axis=1, kind="stable")[:, :count]
        best.sort(axis=1)
        found = np.take_along_axis(products, best, axis=1)
        order = np.argsort(-found, axis=1, kind="stable")
        rows[part] = np.take_along_axis(best, order, axis=1)
        scores[part] = np.take_along_axis(found, order, axis=1)
    rows[np.isneginf(scores)] = -1
    return rows, scores
