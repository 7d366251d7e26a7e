"""The FAISS index over item embeddings: built at export, searched by the server.

Why there are these two kinds: docs/decisions/0006-item-index.md.
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

#: Up to this many items, ``auto`` searches exactly, in a third of a millisecond.
EXACT_UP_TO = 50_000
#: Up to this many items, the search is always exact: they are too few to learn clusters from.
FEWEST = 256
#: Clusters per square root of the number of items; a search probes this share, and at least so many.
CLUSTERS, SHARE, FEWEST_LOOKED_INTO = 2, 1 / 18, 64
#: Items per cluster to learn the centres from.
ITEMS_PER_CLUSTER = 64
#: An approximate index names this many times the wanted items; exact inner products choose among them.
NAMED_PER_WANTED = 5
#: If a filter leaves items out, the search probes proportionally more clusters, up to this factor.
GREATEST_EFFORT = 16
#: Scores that an exact search holds at once: queries times items.
CELLS_AT_ONCE = 10_000_000


@dataclass(frozen=True)
class ItemIndex:
    """An inner-product index; its row numbers are item rows."""

    kind: Kind
    faiss_index: faiss.Index


def build_index(
    embeddings: np.ndarray, wanted: Literal["auto", "exact", "approximate"]
) -> ItemIndex:
    """Index float32 [n, d] embeddings."""
    faiss.omp_set_num_threads(os.cpu_count() or 1)  # loading a release sets it to one
    limit = {"auto": EXACT_UP_TO, "approximate": FEWEST}.get(wanted, math.inf)
    if len(embeddings) <= limit:
        index = faiss.IndexFlatIP(embeddings.shape[1])
        index.add(embeddings)
        return ItemIndex("exact", index)
    return ItemIndex("approximate", _clustered(embeddings))


def _clustered(embeddings: np.ndarray) -> faiss.IndexIVFPQFastScan:
    """Items by cluster, each as a product-quantisation code of four bits per two dimensions.

    The code encodes an item's difference from its cluster's centre (Jégou et al., "Product quantization
    for nearest neighbor search", 2011), and is read with SIMD registers (André et al., "Cache locality is
    not enough", 2015).
    """
    count, width = embeddings.shape
    clusters = int(CLUSTERS * math.sqrt(count))
    pieces = width // 2 if width % 2 == 0 else width
    description = f"IVF{clusters},PQ{pieces}x4fsr"
    index = faiss.index_factory(width, description, faiss.METRIC_INNER_PRODUCT)
    index.cp.min_points_per_centroid = 1  # no warning for a small catalogue
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
        embeddings: float32 [items, d], by row, from which the index was built.
        queries: float32 [B, d].
        selector: a FAISS selector; only rows that it admits are found.
        effort: factor on the number of clusters to probe, if the index is approximate.
    """
    if not isinstance(index, faiss.IndexIVF):
        parameters = None if selector is None else faiss.SearchParameters(sel=selector)
        scores, rows = index.search(queries, width, params=parameters)
        return rows, np.where(rows < 0, np.float32(-np.inf), scores)
    probes = min(index.nlist, int(index.nprobe * min(effort, GREATEST_EFFORT)))
    parameters = faiss.SearchParametersIVF(nprobe=probes, sel=selector)
    rows = np.full((len(queries), width), NO_ROW, dtype=np.int64)
    scores = np.full((len(queries), width), -np.inf, dtype=np.float32)
    # One query at a time: its result must not depend on the other queries.
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
    """Like ``search``, over all items, for many queries at once; each may leave out rows.

    Args:
        left_out: for each query, the rows int64 to leave out.
        absolute: rank by the absolute value of the inner product.
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
