"""Figures that training is stopped early by."""

import numpy as np


def auc_within_users(scores: np.ndarray, relevant: np.ndarray, users: np.ndarray) -> float:
    """Mean over users of: how often a relevant candidate outscores another one of the same user, an equal
    score counting as half.

    Unlike the AUC over all rows it does not reward telling active users from others, which orders
    nobody's list. All arguments [n]; users whose candidates are all alike are left out.
    """
    order = np.lexsort((scores, users))
    labels = relevant[order].astype(bool)
    _, start, counts = np.unique(users[order], return_index=True, return_counts=True)
    ranks = _ranks(scores[order], users[order]) - np.repeat(start, counts)
    positives = np.add.reduceat(labels.astype(np.int64), start)
    rank_sums = np.add.reduceat(np.where(labels, ranks, 0), start)
    pairs = positives * (counts - positives)
    won = rank_sums - positives * (positives + 1) / 2
    return float((won[pairs > 0] / pairs[pairs > 0]).mean()) if (pairs > 0).any() else 0.5


def _ranks(scores: np.ndarray, users: np.ndarray) -> np.ndarray:
    """Places from 1 of sorted rows; equal scores of a user share the mean of theirs."""
    new = np.ones(len(scores), bool)
    new[1:] = (scores[1:] != scores[:-1]) | (users[1:] != users[:-1])
    first = np.flatnonzero(new)
    sizes = np.diff(np.append(first, len(scores)))
    return np.repeat(first + (sizes + 1) / 2, sizes)


def auc(scores: np.ndarray, relevant: np.ndarray) -> float:
    """How often a relevant row outscores another, whosever they are."""
    return auc_within_users(scores, relevant, np.zeros(len(scores), np.int64))


def rmse(scores: np.ndarray, labels: np.ndarray) -> float:
    """Root mean squared error; both [n]."""
    return float(np.sqrt(np.mean(np.square(scores - labels, dtype=np.float64))))
