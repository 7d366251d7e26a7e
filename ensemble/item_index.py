"""The FAISS index over item embeddings; ``ensemble.runtime.search`` asks it.

Why it is one of these two: docs/decisions/0006-item-index.md.
"""

import math
import os
from dataclasses import dataclass
from typing import Literal

import faiss
import numpy as np

Kind = Literal["exact", "approximate"]

#: Up to here ``auto`` compares every item, in a third of a millisecond.
EXACT_UP_TO = 50_000
#: Fewer items are always compared one by one: there is nothing to learn clusters from.
FEWEST = 256
#: Clusters per square root of the items; a search looks into a share of them, at least so many.
CLUSTERS, SHARE, FEWEST_LOOKED_INTO = 2, 1 / 18, 64
#: What a cluster's centre is learnt from.
ITEMS_PER_CLUSTER = 64


@dataclass(frozen=True)
class ItemIndex:
    """An index by inner product; row numbers are item rows."""

    kind: Kind
    faiss_index: faiss.Index


def build_index(
    embeddings: np.ndarray, wanted: Literal["auto", "exact", "approximate"]
) -> ItemIndex:
    """Index float32 [n, d] embeddings."""
    faiss.omp_set_num_threads(os.cpu_count() or 1)  # a release that was loaded has set it to one
    limit = {"auto": EXACT_UP_TO, "approximate": FEWEST}.get(wanted, math.inf)
    if len(embeddings) <= limit:
        index = faiss.IndexFlatIP(embeddings.shape[1])
        index.add(embeddings)
        return ItemIndex("exact", index)
    return ItemIndex("approximate", _clustered(embeddings))


def _clustered(embeddings: np.ndarray) -> faiss.IndexIVFPQFastScan:
    """Items by cluster, each as a code of four bits for every two of its numbers.

    An item's code describes how it differs from the centre of its cluster (Jégou et al., "Product
    quantization for nearest neighbor search", 2011), and is read with the processor's wide registers
    (André et al., "Cache locality is not enough", 2015).
    """
    count, width = embeddings.shape
    clusters = int(CLUSTERS * math.sqrt(count))
    pieces = width // 2 if width % 2 == 0 else width
    description = f"IVF{clusters},PQ{pieces}x4fsr"
    index = faiss.index_factory(width, description, faiss.METRIC_INNER_PRODUCT)
    index.cp.min_points_per_centroid = 1  # a small catalogue is no mistake
    index.nprobe = min(clusters, max(FEWEST_LOOKED_INTO, int(SHARE * clusters)))
    sample = embeddings
    if count > ITEMS_PER_CLUSTER * clusters:
        drawn = np.random.default_rng(0).choice(count, ITEMS_PER_CLUSTER * clusters, replace=False)
        sample = embeddings[np.sort(drawn)]
    index.train(sample)
    index.add(embeddings)
    return index


def exact_rows(
    embeddings: np.ndarray, queries: np.ndarray, k: int, absolute: bool = False
) -> np.ndarray:
    """int64 [B, k]: rows of the largest (``absolute``) inner products, by exhaustive search."""
    if absolute:
        products = np.abs(queries @ embeddings.T)
        return np.argsort(-products, axis=1, kind="stable")[:, :k]
    return faiss.knn(queries, embeddings, k, metric=faiss.METRIC_INNER_PRODUCT)[1]


def recall(found: np.ndarray, exact: np.ndarray) -> float:
    """Mean share of each row of ``exact`` that is in the same row of ``found``."""
    shares = [np.isin(right, left).mean() for left, right in zip(found, exact, strict=True)]
    return float(np.mean(shares))
