"""The FAISS index over item embeddings: built at export, searched by the server.

Why it is one of these two: docs/decisions/0006-item-index.md.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import faiss
import numpy as np

from .best import best, best_of_each
from .catalogue import NO_ROW
from .inner_products import inner_products

Kind = Literal["exact", "approximate"]

#: Up to here ``auto`` compares every item, in a third of a millisecond.
EXACT_UP_TO = 50_000
#: Fewer items are always compared one by one: there is nothing to learn clusters from.
FEWEST = 256
#: Clusters per square root of the items; a search looks into a share of them, at least so many.
CLUSTERS, SHARE, FEWEST_LOOKED_INTO = 2, 1 / 18, 64
#: What a cluster's centre is learnt from.
ITEMS_PER_CLUSTER = 64
#: An approximate index names so many times the items that are wanted; their embeddings decide.
NAMED_PER_WANTED = 5
#: Where items are left out, the search looks into as many times more clusters, up to this.
GREATEST_EFFORT = 16
#: Scores that an exact search holds at once: queries times items.
CELLS_AT_ONCE = 10_000_000


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


def search(
    index: faiss.Index,
    embeddings: np.ndarray,
    queries: np.ndarray,
    width: int,
    selector: Any = None,
    effort: float = 1.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows int64 and inner products float32, both [B, width], best first; -1 and -inf pad.

    Args:
        embeddings: float32 [items, d], by row, what the index was built of.
        queries: float32 [B, d].
        selector: FAISS's; only rows that it lets through are found.
        effort: how many times more than usual to look at, where the index is approximate.
    """
    if not isinstance(index, faiss.IndexIVF):
        parameters = None if selector is None else faiss.SearchParameters(sel=selector)
        scores, rows = index.search(queries, width, params=parameters)
        return rows, np.where(rows < 0, np.float32(-np.inf), scores)
    probes = min(index.nlist, int(index.nprobe * min(effort, GREATEST_EFFORT)))
    parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector)
    rows = np.full((len(queries), width), NO_ROW, dtype=np.int64)
    scores = np.full((len(queries), width), -np.inf, dtype=np.float32)
    # One query at a time, so that its answer does not depend on the others.
    for place, query in enumerate(queries):
        _, [named] = index.search(query[None], NAMED_PER_WANTED * width, params=parameters)
        named = np.sort(named[named >= 0])
        products = inner_products(embeddings[named], query)
        chosen = best(products, width)
        rows[place, : len(chosen)] = named[chosen]
        scores[place, : len(chosen)] = products[chosen]
    return rows, scores


def exact_search(
    embeddings: np.ndarray,
    queries: np.ndarray,
    width: int,
    left_out: Sequence[np.ndarray] | None = None,
    *,
    absolute: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """As ``search``, over all items; for many queries at once, where each may leave out rows.

    Args:
        left_out: rows int64 of each query that are not to be found.
        absolute: by the absolute value of the inner product.
    """
    width = min(width, len(embeddings))
    rows = np.empty((len(queries), width), np.int64)
    scores = np.empty((len(queries), width), np.float32)
    chunk = max(1, CELLS_AT_ONCE // max(1, len(embeddings)))
    for start in range(0, len(queries), chunk):
        part = slice(start, min(start + chunk, len(queries)))
        products = queries[part] @ embeddings.T
        if absolute:
            np.abs(products, out=products)
        for row, taken in enumerate(left_out[part] if left_out is not None else ()):
            products[row, taken] = -np.inf
        rows[part], scores[part] = best_of_each(products, width)
    return rows, scores
