"""The FAISS index over item embeddings."""

from dataclasses import dataclass
from typing import Literal

import faiss
import numpy as np

#: Up to here an exact search takes a few milliseconds; above, ``auto`` builds HNSW.
EXACT_UP_TO = 100_000
#: HNSW: links a node, and how many nodes are looked at to find them (Malkov & Yashunin, 2018).
LINKS, BUILD_WIDTH = 32, 200


@dataclass(frozen=True)
class ItemIndex:
    """An index by inner product; row numbers are item rows."""

    kind: Literal["exact", "hnsw"]
    faiss_index: faiss.Index


def build_index(embeddings: np.ndarray, wanted: Literal["auto", "exact", "hnsw"]) -> ItemIndex:
    """Index float32 [n, d] embeddings."""
    exact = wanted == "exact" or (wanted == "auto" and len(embeddings) <= EXACT_UP_TO)
    if exact:
        index = faiss.IndexFlatIP(embeddings.shape[1])
    else:
        index = faiss.IndexHNSWFlat(embeddings.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = BUILD_WIDTH
    index.add(embeddings)
    return ItemIndex("exact" if exact else "hnsw", index)


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
