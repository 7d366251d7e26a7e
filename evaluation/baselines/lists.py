"""A baseline's scores as lists: the best unseen items of each user."""

import numpy as np

from evaluation.baselines import Fitted
from evaluation.baselines.popularity import most_popular
from models.prepared import Interactions

#: Scores held at once: users of a slice times items.
CELLS = 20_000_000


def best_unseen(
    fitted: Fitted, training: Interactions, users: int, items: int, asked: np.ndarray, count: int
) -> np.ndarray:
    """The ``count`` best items that each asked user has not in ``training``, best first.

    Equal scores stand in the order of rows. Users without anything in ``training`` get the most popular
    items: no baseline knows more of them.

    Args:
        asked: user rows int64 [n].
    Returns:
        item rows int64 [n, count], -1 where a list ends.
    """
    past = training.by_user(users)
    lists = np.full((len(asked), count), -1, np.int64)
    step = max(1, CELLS // items)
    for start in range(0, len(asked), step):
        chosen = asked[start : start + step]
        scores = np.array(fitted.scores(chosen), np.float32)
        for row, user in enumerate(chosen):
            scores[row, past[user]] = -np.inf
        lists[start : start + step, : min(count, items)] = _best(scores, min(count, items))
    new = np.array([len(past[user]) == 0 for user in asked], bool)
    nothing = [np.array([], np.int64)] * int(new.sum())
    lists[new] = most_popular(training, items, nothing, count)
    return lists


def _best(scores: np.ndarray, count: int) -> np.ndarray:
    """Columns int64 [n, count] of the highest scores, equal ones by column; -1 for scores of -inf."""
    # The worst score that can be in the list; all that reach it are put in order.
    worst = -np.partition(-scores, count - 1, axis=1)[:, count - 1]
    best = np.full((len(scores), count), -1, np.int64)
    for row, (values, least) in enumerate(zip(scores, worst, strict=True)):
        good = np.flatnonzero((values >= least) & ~np.isneginf(values))
        order = np.argsort(-values[good], kind="stable")[:count]
        best[row, : len(order)] = good[order]
    return best
