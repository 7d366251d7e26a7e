"""Turn a baseline's scores into lists: the best unseen items of each user."""

import numpy as np

from evaluation.baselines import Fitted
from evaluation.baselines.popularity import most_popular
from models.prepared import Interactions
from runtime.candidates.best import best_of_each

#: Scores held at once: users of a slice times items.
CELLS = 20_000_000


def best_unseen(
    fitted: Fitted, training: Interactions, users: int, items: int, asked: np.ndarray, count: int
) -> np.ndarray:
    """Return the ``count`` best items of each asked user that are not in ``training``, best first.

    Ties keep row order. Users without interactions in ``training`` get the most popular items: no
    baseline knows more about them.

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
        lists[start : start + step] = best_of_each(scores, count)[0]
    new = np.array([len(past[user]) == 0 for user in asked], bool)
    nothing = [np.array([], np.int64)] * int(new.sum())
    lists[new] = most_popular(training, items, nothing, count)
    return lists
