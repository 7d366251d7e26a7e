"""Beyond-accuracy metrics: how much of the catalogue lists show, how novel and how diverse they are."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.stats import rankdata

from models.prepared import Interactions

#: Pairs of items whose cosines are computed at once.
PAIRS = 20_000


@dataclass(frozen=True)
class Catalogue:
    """Item statistics of the training part.

    ``takers``: sparse float32 [items, users], a row per item, 1 for its users, scaled to length 1.
    ``information``: float64 [items], bits. ``percentile``: float64 [items], 0 to 1, of popularity.
    ``taste``: float64 [users], mean percentile of the user's training items; NaN without any.
    """

    takers: sparse.csr_matrix
    information: np.ndarray
    percentile: np.ndarray
    taste: np.ndarray

    @classmethod
    def of(cls, training: Interactions, users: int, items: int) -> "Catalogue":
        """Count the interactions; a pair that occurs twice counts once."""
        ones = np.ones(len(training), np.float32)
        takers = sparse.csr_matrix((ones, (training.items, training.users)), (items, users))
        takers.data[:] = 1.0
        counts = np.diff(takers.indptr)
        percentile = (rankdata(counts) - 0.5) / items
        history = np.diff(takers.tocsc().indptr)
        with np.errstate(invalid="ignore"):
            taste = (takers.T @ percentile) / history
        takers.data /= np.repeat(np.sqrt(counts, dtype=np.float32), counts)
        # One user and one taker are added: an item that nobody took has a finite surprise.
        information = np.log2((users + 1) / (counts + 1))
        return cls(takers, information, percentile, taste)

    def figures(self, lists: np.ndarray, users: np.ndarray, k: int) -> dict[str, float | None]:
        """Return every figure at k by name; None if undefined, such as the diversity of one-item lists.

        Args:
            lists: item rows int64 [n, at least k], best first, -1 where a list ends.
            users: user row of each list, int64 [n].
        """
        shown = lists[:, :k]
        return {
            f"coverage@{k}": self.coverage(shown),
            f"novelty@{k}": self.novelty(shown),
            f"diversity@{k}": self.diversity(shown),
            f"popularity_lift@{k}": self.popularity_lift(shown, users),
            f"gini@{k}": self.gini(shown),
        }

    def coverage(self, lists: np.ndarray) -> float:
        """Share of the catalogue that is in any list.

        M. Ge, C. Delgado-Battenfeld, D. Jannach, "Beyond accuracy", RecSys 2010: catalogue coverage.
        """
        return len(np.unique(lists[lists >= 0])) / len(self.percentile)

    def novelty(self, lists: np.ndarray) -> float | None:
        """Mean self-information of the listed items, in bits: log2((users + 1) / (users of the item + 1)).

        T. Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 2010,
        with one added to both counts. All lists weigh the same.
        """
        return _mean_of_lists(lists, self.information)

    def diversity(self, lists: np.ndarray) -> float | None:
        """Mean over lists of 1 - mean cosine of its pairs of items, items as the sets of their users.

        C.-N. Ziegler et al., "Improving recommendation lists through topic diversification", WWW 2005
        (intra-list similarity), as a distance (S. Vargas, P. Castells, RecSys 2011). An item that nobody
        took is similar to no other. Lists of fewer than two items are left out.
        """
        first, second = np.triu_indices(lists.shape[1], 1)
        left, right = lists[:, first], lists[:, second]
        real = (left >= 0) & (right >= 0)
        low, high = np.minimum(left, right)[real], np.maximum(left, right)[real]
        # Many lists share a pair: each is computed once.
        pairs, place = np.unique(low * len(self.percentile) + high, return_inverse=True)
        cosine = np.zeros(len(pairs))
        for start in range(0, len(pairs), PAIRS):
            one, other = np.divmod(pairs[start : start + PAIRS], len(self.percentile))
            product = self.takers[one].multiply(self.takers[other]).sum(axis=1)
            cosine[start : start + PAIRS] = np.asarray(product).ravel()
        of_pair = np.zeros(left.shape)
        of_pair[real] = cosine[place]
        count = real.sum(axis=1)
        some = count > 0
        if not some.any():
            return None
        return float(np.mean(1 - of_pair.sum(axis=1)[some] / count[some]))

    def popularity_lift(self, lists: np.ndarray, users: np.ndarray) -> float | None:
        """Mean over users of the popularity percentile of their list minus that of their training items.

        0: lists are as popular as what users take themselves; above 0: more popular. H. Abdollahpouri et
        al., "The unfairness of popularity bias in recommendation", RMSE workshop 2019 (group average
        popularity), but with percentiles and with each user compared with themselves. Users without
        training items, or without a list, are left out.
        """
        taste = self.taste[users]
        chosen = ~np.isnan(taste) & (lists >= 0).any(axis=1)
        if not chosen.any():
            return None
        return float(np.mean(_of_lists(lists[chosen], self.percentile) - taste[chosen]))

    def gini(self, lists: np.ndarray) -> float | None:
        """Gini index of how often each item is listed: 0 if all equally often, 1 if always the same item.

        G. Shani, A. Gunawardana, "Evaluating recommendation systems", Recommender Systems Handbook 2011.
        """
        items = len(self.percentile)
        listed = np.sort(np.bincount(lists[lists >= 0], minlength=items))
        if items < 2 or not listed.any():
            return None
        rank = np.arange(1, items + 1)
        return float(((2 * rank - items - 1) * listed).sum() / ((items - 1) * listed.sum()))


def _of_lists(lists: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the mean of the values [items] of each list's items, float64 [n]; no list is empty."""
    real = lists >= 0
    return np.where(real, values[lists], 0.0).sum(axis=1) / real.sum(axis=1)


def _mean_of_lists(lists: np.ndarray, values: np.ndarray) -> float | None:
    some = (lists >= 0).any(axis=1)
    return float(_of_lists(lists[some], values).mean()) if some.any() else None
