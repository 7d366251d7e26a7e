"""The funnel stage by stage: what retrieval found, what filtering removed, what the ranker gained."""

from dataclasses import dataclass

import numpy as np

from evaluation.uncertainty import paired
from metrics import ranking
from runtime.plan import Trace

#: The depth at which retrieval alone is evaluated, if there are as many candidates.
DEPTH = 100


@dataclass(frozen=True)
class Filtering:
    """Shares of the retrieved items that filtering removed, of all items and of the relevant ones.

    ``filtered_out``: before the last candidate, and may not be shown, such as the user's own items.
    ``cut_off``: after the last candidate, beyond the limit on candidates.
    """

    filtered_out: float
    cut_off: float
    relevant_filtered_out: float
    relevant_cut_off: float


@dataclass(frozen=True)
class Lift:
    """NDCG at ``k`` of the candidates ``as_retrieved``, ``as_ranked``, and in the best possible order.

    With several generators, ``as_retrieved`` is in the order of their blend (``evaluation.generators``).

    ``difference``: ranked minus retrieved, a mean over users; ``standard_error``: of that mean.
    """

    k: int
    as_retrieved: float
    as_ranked: float
    in_best_order: float
    difference: float
    standard_error: float | None


@dataclass(frozen=True)
class Passage:
    """Figures of the funnel's stages besides the share of relevant items.

    ``items``: number of items in the catalogue and after each stage, a mean over users.
    ``retrieval_recall``: recall of the candidates, in retrieval's order, at ``retrieval_depth``.
    ``lift``: None unless a ranker follows a retriever.
    """

    items: dict[str, float]
    retrieval_depth: int
    retrieval_recall: float
    filtering: Filtering
    lift: Lift | None


def kept(trace: Trace, relevant: list[np.ndarray], k: int) -> dict[str, float]:
    """Return the mean share of a user's relevant items left after each stage, by stage name.

    Args:
        trace: item rows by user after each stage.
        relevant: item rows of the same users.
        k: depth of the answer.
    """
    return {
        stage: float(ranking.recall(rows, relevant, rows.shape[1]).mean())
        for stage, rows in _after(trace, k).items()
    }


def passage(
    trace: Trace,
    relevant: list[np.ndarray],
    k: int,
    catalogue: int,
    *,
    unranked: np.ndarray | None,
) -> Passage:
    """Describe how the stages narrow ``catalogue`` items down to k; arguments as ``kept``.

    ``unranked``: the candidates in their best order before ranking; None unless a ranker follows a
    retriever.
    """
    left = {
        stage: float((rows >= 0).sum(axis=1).mean()) for stage, rows in _after(trace, k).items()
    }
    depth = min(DEPTH, trace.candidate_rows.shape[1])
    return Passage(
        items={"catalogue": float(catalogue), **left},
        retrieval_depth=depth,
        retrieval_recall=float(ranking.recall(trace.candidate_rows, relevant, depth).mean()),
        filtering=_filtering(trace, relevant),
        lift=None if unranked is None else _lift(trace, unranked, relevant, k),
    )


def _after(trace: Trace, k: int) -> dict[str, np.ndarray]:
    return {
        "retrieved": trace.retrieved_rows,
        "filtered": trace.candidate_rows,
        f"ordered@{k}": trace.item_rows[:, :k],
    }


def _filtering(trace: Trace, relevant: list[np.ndarray]) -> Filtering:
    before, after = trace.retrieved_rows, trace.candidate_rows
    wanted = ranking.hits(before, relevant, before.shape[1])
    kept = ranking.hits(before, [row[row >= 0] for row in after], before.shape[1])
    place = np.arange(before.shape[1])
    last = np.where(kept, place, -1).max(axis=1, keepdims=True)
    # A user with fewer candidates than the limit lost none to the limit.
    full = (after >= 0).all(axis=1, keepdims=True)
    real = before >= 0
    cut = real & ~kept & full & (place > last)
    out = real & ~kept & ~cut
    return Filtering(
        filtered_out=_share(out, real),
        cut_off=_share(cut, real),
        relevant_filtered_out=_share(out & wanted, real & wanted),
        relevant_cut_off=_share(cut & wanted, real & wanted),
    )


def _lift(trace: Trace, unranked: np.ndarray, relevant: list[np.ndarray], k: int) -> Lift:
    candidates = trace.candidate_rows
    found = ranking.hits(candidates, relevant, candidates.shape[1])
    best = np.take_along_axis(candidates, np.argsort(~found, axis=1, kind="stable"), axis=1)
    retrieved, ranked, ideal = (
        ranking.ndcg(rows, relevant, k) for rows in (unranked, trace.item_rows, best)
    )
    both = paired(retrieved, ranked) if len(relevant) > 1 else None
    return Lift(
        k=k,
        as_retrieved=float(retrieved.mean()),
        as_ranked=float(ranked.mean()),
        in_best_order=float(ideal.mean()),
        difference=float((ranked - retrieved).mean()),
        standard_error=both.standard_error if both else None,
    )


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    return float(part.sum() / whole.sum()) if whole.any() else 0.0
