"""Ranking metrics over top-k lists, as recommenders-team/recommenders defines them (binary relevance).

MAP is their ``map``, the one in their published tables; their newer ``map_at_k`` divides by at most k.
All metrics take ``ranked``, item rows int64 [users, at least k], best first, padded with -1, and
``relevant``, the item rows of each user (each once, at least one); they return float64 [users].
"""

from collections.abc import Sequence

import numpy as np

Relevant = Sequence[np.ndarray]


def hits(ranked: np.ndarray, relevant: Relevant, k: int) -> np.ndarray:
    """bool [users, k]: whether the item at this rank is relevant."""
    shown = ranked[:, :k]
    wanted = np.concatenate([*relevant, np.array([], np.int64)])
    user = np.repeat(np.arange(len(shown)), _counts(relevant))
    # A number for each pair of user and item; a pad, -1, is an item that no user wants.
    items = 2 + max(int(shown.max(initial=-1)), int(wanted.max(initial=-1)))
    pairs = np.arange(len(shown))[:, None] * items + shown + 1
    found: np.ndarray = np.isin(pairs, user * items + wanted + 1)
    return found


def precision(ranked: np.ndarray, relevant: Relevant, k: int) -> np.ndarray:
    """Relevant items among the first k, over k."""
    return hits(ranked, relevant, k).sum(axis=1) / k


def recall(ranked: np.ndarray, relevant: Relevant, k: int) -> np.ndarray:
    """Relevant items among the first k, over all relevant items of the user."""
    return hits(ranked, relevant, k).sum(axis=1) / _counts(relevant)


def average_precision(ranked: np.ndarray, relevant: Relevant, k: int) -> np.ndarray:
    """Sum of the precision at the rank of each hit, over the number of the user's relevant items."""
    found = hits(ranked, relevant, k)
    precision_at_rank = np.cumsum(found, axis=1) / np.arange(1, found.shape[1] + 1)
    return (precision_at_rank * found).sum(axis=1) / _counts(relevant)


def ndcg(ranked: np.ndarray, relevant: Relevant, k: int) -> np.ndarray:
    """Discounted cumulative gain (discount 1 / log2(1 + rank)) over that of a perfect list."""
    found = hits(ranked, relevant, k)
    discount = 1.0 / np.log2(np.arange(2, k + 2))
    best = np.cumsum(discount)[np.minimum(_counts(relevant), k) - 1]
    return (found * discount[: found.shape[1]]).sum(axis=1) / best


#: Metrics by the names that reports use.
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
    """``means`` at every k, under names such as ``ndcg@10``."""
    return {f"{name}@{k}": value for k in ks for name, value in means(ranked, relevant, k).items()}


def _counts(relevant: Relevant) -> np.ndarray:
    return np.array([len(wanted) for wanted in relevant], np.int64)
