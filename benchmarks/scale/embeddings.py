"""Any number of item embeddings and queries, distributed like trained ones.

* **Spectrum**: the k-th principal direction has variance k^-0.7, as in trained embeddings; isotropic
  vectors would be harder to search than real ones, and vectors with few directions easier.
* **Clusters**: an item is its cluster's centre plus a deviation. Cluster sizes follow Zipf's law.
* **Norms**: popularity follows Zipf's law, and an item's norm grows with the logarithm of its
  popularity, as in a retriever trained with an inner product: a search by inner product differs
  from one by angle.
* **Queries**: the sum of a history's items divided by their number to the power 0.8, as our towers pool it.
  The items come from one to four clusters that the user likes, popular ones more often.
"""

from dataclasses import dataclass

import numpy as np

DIMENSION = 64
#: Variance of the k-th direction is k to this power.
DECAY = -0.7
#: Share of an item's variance that comes from its cluster.
SHARED = 0.6
#: Norm of the least and the most popular item.
SHORTEST, LONGEST = 0.7, 1.6
#: Items per chunk; keeps temporary arrays small relative to the result.
CHUNK = 1 << 18
HISTORY_POWER = 0.8


@dataclass(frozen=True)
class MadeUp:
    """``items`` float32 [n, 64], one row each; ``queries`` float32 [q, 64]."""

    items: np.ndarray
    queries: np.ndarray


def made_up(items: int, queries: int, seed: int = 0) -> MadeUp:
    """Embeddings of ``items`` items and the queries of ``queries`` users."""
    random = np.random.default_rng(seed)
    clusters = max(8, int(2 * np.sqrt(items)))
    deviation = spectrum()
    centres = random.standard_normal((clusters, DIMENSION), np.float32) * deviation
    sizes = _zipf(clusters)
    cluster = random.choice(clusters, size=items, p=sizes).astype(np.int32)
    popularity = random.permutation(items)  # rank 0 is the most popular item
    embeddings = np.empty((items, DIMENSION), np.float32)
    for start in range(0, items, CHUNK):
        rows = slice(start, start + CHUNK)
        own = random.standard_normal((len(cluster[rows]), DIMENSION), np.float32) * deviation
        embeddings[rows] = np.sqrt(SHARED) * centres[cluster[rows]] + np.sqrt(1 - SHARED) * own
        embeddings[rows] *= lengths(popularity[rows], items)[:, None]
    return MadeUp(embeddings, _queries(random, embeddings, cluster, popularity, sizes, queries))


def spectrum() -> np.ndarray:
    """Standard deviation of each direction, float32 [64]; their squares sum to 1."""
    variance = np.arange(1, DIMENSION + 1, dtype=np.float64) ** DECAY
    return np.sqrt(variance / variance.sum()).astype(np.float32)


def lengths(rank: np.ndarray, items: int) -> np.ndarray:
    """Expected norm of items by popularity rank, float32: linear in the logarithm of the rank."""
    fame = 1 - np.log1p(rank) / np.log1p(items)
    return (SHORTEST + (LONGEST - SHORTEST) * fame).astype(np.float32)


def _queries(
    random: np.random.Generator,
    embeddings: np.ndarray,
    cluster: np.ndarray,
    popularity: np.ndarray,
    sizes: np.ndarray,
    count: int,
) -> np.ndarray:
    order = np.lexsort((popularity, cluster))  # by cluster, the most popular first
    starts = np.searchsorted(cluster[order], np.arange(len(sizes) + 1))
    inhabited = np.flatnonzero(np.diff(starts))
    weights = sizes[inhabited] / sizes[inhabited].sum()
    made = np.empty((count, DIMENSION), np.float32)
    for query in range(count):
        liked = random.choice(inhabited, size=random.integers(1, 5), p=weights)
        chosen = random.choice(liked, size=random.integers(3, 31))
        first, last = starts[chosen], starts[chosen + 1]
        # The cube of a uniform number favours the front: popular items.
        place = (first + random.random(len(chosen)) ** 3 * (last - first)).astype(np.int64)
        history = embeddings[order[place]]
        made[query] = history.sum(axis=0) / len(history) ** HISTORY_POWER
    return made


def _zipf(count: int) -> np.ndarray:
    weights = 1 / np.arange(10, count + 10)
    return weights / weights.sum()
