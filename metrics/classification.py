"""Metrics of how well scores separate relevant rows from the others."""

import numpy as np


def auc(scores: np.ndarray, relevant: np.ndarray) -> float:
    """Area under the ROC curve: how often a relevant row outscores an irrelevant one; ties count half.

    ``scores`` float [n], ``relevant`` bool or float [n]; NaN if all rows have the same label.
    """
    return auc_within_groups(scores, relevant, np.zeros(len(scores), np.int64))


def auc_within_groups(scores: np.ndarray, relevant: np.ndarray, groups: np.ndarray) -> float:
    """Mean AUC within groups, such as the candidates of one user.

    Unlike the AUC over all rows, it gives no credit for separating active users from others, which
    orders no user's list. All arguments [n]; groups with a single label are left out, NaN if all are.
    """
    order = np.lexsort((scores, groups))
    labels = relevant[order].astype(bool)
    _, start, counts = np.unique(groups[order], return_index=True, return_counts=True)
    ranks = _ranks(scores[order], groups[order]) - np.repeat(start, counts)
    positives = np.add.reduceat(labels.astype(np.int64), start)
    rank_sums = np.add.reduceat(np.where(labels, ranks, 0), start)
    pairs = positives * (counts - positives)
    won = rank_sums - positives * (positives + 1) / 2
    return float((won[pairs > 0] / pairs[pairs > 0]).mean()) if (pairs > 0).any() else float("nan")


def log_loss(probabilities: np.ndarray, relevant: np.ndarray) -> float:
    """Mean negative log likelihood of ``relevant`` (bool [n]) under ``probabilities`` (float [n])."""
    clipped = np.clip(probabilities.astype(np.float64), 1e-7, 1 - 1e-7)
    return float(-np.log(np.where(relevant, clipped, 1 - clipped)).mean())


def _ranks(scores: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Ranks, from 1, of sorted rows; equal scores within a group share their mean rank."""
    new = np.ones(len(scores), bool)
    new[1:] = (scores[1:] != scores[:-1]) | (groups[1:] != groups[:-1])
    first = np.flatnonzero(new)
    sizes = np.diff(np.append(first, len(scores)))
    return np.repeat(first + (sizes + 1) / 2, sizes)
