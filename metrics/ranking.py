"""Ranking metrics over top-k lists, as recommenders-team/recommenders defines them (binary relevance).

MAP is its ``map``, which its published tables have; its ``map_at_k`` of today divides by at most k.
All take ``ranked``, item rows int64 [users, at least k], best first, -1 where a list ends early, and
``relevant``, the item rows of each user (each once, at least one); all give float64 [users].
"""

from collections.abc import Sequence

import numpy as np

Relevant = Sequence[np.ndarray]


def hits(ranked: np.ndarray, relevant: Relevant, k: int) -> np.ndarray:
    """bool [users, k]: is the item at this rank relevant?"""
    rows = zip(ranked[:, :k], relevant, strict=True)
    return np.array([np.isin(found, wanted) for found, wanted in rows])


def precision(ranked: np.ndarray, relevant: Relevant, k: int) -> np.ndarray:
    """Relevant items among the first k, over k."""
    return hits(ranked, relevant, k).sum(axis=1) / k


def recall(ranked: np.ndarray, relevant: Relevant, k: int) -> np.ndarray:
    """Relevant items among the first k, over all the relevant items of the user."""
    return hits(ranked, relevant, k).sum(axis=1) / _counts(relevant)


def average_precision(ranked: np.ndarray, relevant: Relevant, k: int) -> np.ndarray:
    """Mean precision at the ranks of the hits, the sum over all the relevant items of the user."""
    found = hits(ranked, relevant, k)
    precision_at_rank = np.cumsum(found, axis=1) / np.arange(1, found.shape[1] + 1)
    return (precision_at_rank * found).sum(axis=1) / _counts(relevant)


def ndcg(ranked: np.ndarray, relevant: Relevant, k: int) -> np.ndarray:
    """Discounted cumulative gain (discount 1 / log2(1 + rank)) over that of a perfect list."""
    found = hits(ranked, relevant, k)
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    best = np.cumsum(discount)[np.minimum(_counts(relevant), k) - 1]
    return (found * discount[: found.shape[1]]).sum(axis=1) / best


#: By the names that reports use.
METRICS = {
    "ndcg": ndcg,
    "map": average_precision,
    "precision": precision,
    "recall": recall,
}


def means(ranked: np.ndarray, relevant: Relevant, k: int) -> dict[str, float]:
    """Every metric at k, averaged over users."""
    return {name: float(metric(ranked, relevant, k).mean()) for name, metric in METRICS.items()}


def at_each_k(ranked: np.ndarray, relevant: Relevant, ks: Sequence[int]) -> dict[str, float]:
    """The same at every k, by names such as ``ndcg@10``."""
    return {f"{name}@{k}": value for k in ks for name, value in means(ranked, relevant, k).items()}


def _counts(relevant: Relevant) -> np.ndarray:
    return np.array([len(wanted) for wanted in relevant])
