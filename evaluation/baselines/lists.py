"""Turn a baseline's scores into lists: the best items of each user that are not hidden."""

import numpy as np

from evaluation.baselines import Fitted
from evaluation.baselines.popularity import most_popular
from models.hidden_items import hidden_items
from models.prepared import Interactions
from runtime.candidates.best import best_of_each
from runtime.candidates.exclusion import ALL, Exclude

#: Scores held at once: users of a slice times items.
CELLS = 20_000_000


def best_unseen(
    fitted: Fitted,
    training: Interactions,
    users: int,
    items: int,
    asked: np.ndarray,
    count: int,
    *,
    exclude: Exclude = ALL,
) -> np.ndarray:
    """Return the ``count`` best items of each asked user that are not in ``training``, best first.

    Ties keep row order. Users without interactions in ``training`` get the most popular items: no
    baseline knows more about them.

    Args:
        asked: user rows int64 [n].
        exclude: which of the items in ``training`` are left out, as ``serving.exclude``.
    Returns:
        item rows int64 [n, count], -1 where a list ends.
    """
    hidden = hidden_items(training, exclude, users)
    lists = np.full((len(asked), count), -1, np.int64)
    step = max(1, CELLS // items)
    for start in range(0, len(asked), step):
        chosen = asked[start : start + step]
        scores = np.array(fitted.scores(chosen), np.float32)
        for row, user in enumerate(chosen):
            scores[row, hidden[user]] = -np.inf
        lists[start : start + step] = best_of_each(scores, count)[0]
    new = np.bincount(training.users, minlength=users)[asked] == 0
    nothing = [np.array([], np.int64)] * int(new.sum())
    lists[new] = most_popular(training, items, nothing, count)
    return lists
