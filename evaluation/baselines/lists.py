"""Turn a baseline's scores into lists: the best items of each user that are not hidden."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from scipy import sparse

from evaluation.baselines import Fitted
from evaluation.baselines.popularity import most_popular
from models.prepared import Interactions
from runtime.candidates.best import best, best_of_each

#: Scores held at once: users of a slice times items.
CELLS = 20_000_000


def best_unseen(
    fitted: Fitted,
    training: Interactions,
    items: int,
    asked: np.ndarray,
    hidden: Sequence[np.ndarray],
    count: int,
) -> np.ndarray:
    """Return the ``count`` best items of each asked user that are not hidden, best first.

    Ties keep row order. Users without interactions in ``training`` get the most popular items, because no
    baseline knows more about them; and so do places for which the baseline has no score.

    Args:
        asked: user rows int64 [n].
        hidden: the item rows that each asked user is not shown (``models.hidden_items``).
    Returns:
        item rows int64 [n, count], -1 where a list ends.
    """
    lists = np.full((len(asked), count), -1, np.int64)
    step = max(1, CELLS // items)
    for start in range(0, len(asked), step):
        scores = fitted.scores(asked[start : start + step])
        taken = hidden[start : start + step]
        of_slice = _of_sparse if sparse.issparse(scores) else _of_dense
        lists[start : start + step] = of_slice(scores, taken, count)
    lists[~np.isin(asked, training.users)] = -1
    _fill(lists, training, items, hidden)
    return lists


def _of_dense(scores: np.ndarray, hidden: Sequence[np.ndarray], count: int) -> np.ndarray:
    masked = np.array(scores, np.float32)
    masked[_pairs(hidden)] = -np.inf
    return best_of_each(masked, count)[0]


def _of_sparse(scores: sparse.csr_matrix, hidden: Sequence[np.ndarray], count: int) -> np.ndarray:
    """As ``_of_dense``, in time and memory that grow with the stored scores, not with the catalogue."""
    scores = scores.sorted_indices()
    lists = np.full((scores.shape[0], count), -1, np.int64)
    left_out = np.zeros(scores.shape[1], bool)
    for row, (start, stop) in enumerate(pairwise(scores.indptr)):
        left_out[hidden[row]] = True
        stored = scores.indices[start:stop]
        shown = ~left_out[stored]
        found = stored[shown][best(scores.data[start:stop][shown], count)]
        lists[row, : len(found)] = found
        left_out[hidden[row]] = False
    return lists


def _pairs(hidden: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The row of the list and the hidden item of each pair of both, int64."""
    rows = np.repeat(np.arange(len(hidden)), [len(taken) for taken in hidden])
    return rows, np.concatenate([*hidden, np.array([], np.int64)])


def _fill(
    lists: np.ndarray, training: Interactions, items: int, hidden: Sequence[np.ndarray]
) -> None:
    """Put the most popular items, neither hidden nor listed already, in the places left, in place."""
    count = lists.shape[1]
    short = np.flatnonzero(lists[:, -1] < 0)
    taken = [np.concatenate([hidden[row], lists[row][lists[row] >= 0]]) for row in short]
    more = most_popular(training, items, taken, count)
    for row, popular in zip(short, more, strict=True):
        own = int((lists[row] >= 0).sum())
        lists[row, own:] = popular[: count - own]
