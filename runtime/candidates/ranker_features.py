"""Ranker features: numbers that depend on both the candidate and the user.

Ranker training and the server both compute them here.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .generators import (
    ALS_FACTORS,
    ALS_FOLDING,
    GENERATORS,
    LINEAR_RECENCY,
    LINEAR_ROWS,
    LINEAR_WEIGHTS,
    POPULARITY,
    REPEAT,
    REPEAT_WEIGHTS,
    TRANSITION_RECENCY,
    TRANSITION_ROWS,
    TRANSITION_WEIGHTS,
    fold_in,
    recency_weights,
    recent,
)
from .inner_products import inner_products
from .seen import RowsOfUsers, newest
from .z_scores import Z_SCORE, z_scores

#: The inner product of query and item, which retrieval computes; every other ranker feature is computed here.
RETRIEVAL_SCORE = "retrieval_score"
#: Array files: the nearest items of each item and their similarities, [items, n]; -1 and 0 pad.
NEIGHBOUR_ROWS, NEIGHBOUR_SIMILARITIES = "neighbour_rows.npy", "neighbour_similarities.npy"


@dataclass(frozen=True)
class Pairs:
    """One user's candidates and seen items. A candidate row of -1 is padding."""

    candidate_rows: np.ndarray  # int64 [C]
    #: Rows of the newest seen items, int64 [S], without padding.
    seen: np.ndarray
    #: Rows of the newest interactions with their repeats, int64 [R], oldest first.
    recent: np.ndarray
    #: int32 [items + 1]: 1 + a candidate's position in ``candidate_rows``, 0 for every other item.
    place: np.ndarray
    array: Callable[[str], np.ndarray]


class Places(threading.local):
    """Makes the pairs of one user after another in scratch space of one int32 per item.

    Each thread has its own.
    """

    def __init__(self, items: int, array: Callable[[str], np.ndarray]) -> None:
        # One more at the end for row -1, padding.
        self._place = np.zeros(items + 1, dtype=np.int32)
        self._rows = np.zeros(0, dtype=np.int64)
        self._array = array

    def pairs(
        self, candidate_rows: np.ndarray, seen_rows: np.ndarray, recent_rows: np.ndarray
    ) -> Pairs:
        """The pairs of a user, valid until the next call. Rows int64 [C], [S] and [R]."""
        self._place[self._rows] = 0
        self._rows = candidate_rows
        # Last to first: an item that is named twice keeps its first position.
        self._place[candidate_rows[::-1]] = np.arange(len(candidate_rows), 0, -1, dtype=np.int32)
        self._place[-1] = 0
        return Pairs(candidate_rows, newest(seen_rows), recent_rows, self._place, self._array)


def popularity(pairs: Pairs) -> np.ndarray:
    """log(1 + interactions of the candidate in the training part)."""
    return np.log1p(pairs.array(POPULARITY)[np.maximum(pairs.candidate_rows, 0)])


def activity(pairs: Pairs) -> np.ndarray:
    """log(1 + number of items that the user has seen), the same for every candidate.

    Of a user who has seen more than ``seen.READ`` items, here and below, only these count.
    """
    return np.full(len(pairs.candidate_rows), np.log1p(len(pairs.seen)))


def cooccurrence(pairs: Pairs) -> np.ndarray:
    """Similarity of the candidate to the seen items: sum of similarities / sqrt(items seen).

    The similarity of two items is the cosine over users (item-based collaborative filtering, Sarwar
    et al., WWW 2001), stored for each item's nearest neighbours. 0 for a user who has seen nothing.
    """
    sums = _summed(pairs, NEIGHBOUR_ROWS, pairs.array(NEIGHBOUR_SIMILARITIES)[pairs.seen])
    return sums / np.sqrt(max(len(pairs.seen), 1))


def linear(pairs: Pairs) -> np.ndarray:
    """Sum of the linear item-item model's weights from the seen items to the candidate, by their recency.

    Only each item's largest weights are stored (``models.item_models.linear``).
    """
    return _recent_sum(pairs, LINEAR_ROWS, LINEAR_WEIGHTS, LINEAR_RECENCY)


def transitions(pairs: Pairs) -> np.ndarray:
    """The same of the weights between items that follow each other (``models.item_models.transitions``)."""
    return _recent_sum(pairs, TRANSITION_ROWS, TRANSITION_WEIGHTS, TRANSITION_RECENCY)


def als(pairs: Pairs) -> np.ndarray:
    """The alternating least squares score (``models.item_models.als``); 0 if the user has seen nothing."""
    factors = pairs.array(ALS_FACTORS)
    if not len(pairs.seen):
        return np.zeros(len(pairs.candidate_rows))
    user = fold_in(factors, pairs.array(ALS_FOLDING), pairs.seen)
    return inner_products(factors[np.maximum(pairs.candidate_rows, 0)], user)


def repeat(pairs: Pairs) -> np.ndarray:
    """How often and how recently the user had the candidate (``generators.Repeat``); 0 if never."""
    weights = recency_weights(len(pairs.recent), pairs.array(REPEAT_WEIGHTS))
    return _by_candidate(pairs, pairs.place[pairs.recent], weights)


def _recent_sum(pairs: Pairs, rows: str, values: str, recency: str) -> np.ndarray:
    weights = pairs.array(values)[pairs.seen]
    return _summed(pairs, rows, recent(weights, pairs.array(recency)))


def _summed(pairs: Pairs, rows: str, weights: np.ndarray) -> np.ndarray:
    """For each candidate [C], the sum of ``weights`` [S, n] where the ``rows`` of seen items name it."""
    places = pairs.place[pairs.array(rows)[pairs.seen].ravel()]
    hit = np.flatnonzero(places)
    return _by_candidate(pairs, places[hit], weights.ravel()[hit])


def _by_candidate(pairs: Pairs, places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """For each candidate [C], the sum of the weights [n] at its place; ``places`` [n] as ``Pairs.place``."""
    sums = np.bincount(places, weights, len(pairs.candidate_rows) + 1)
    sums[0] = 0  # for items that are not candidates
    return sums[pairs.place[pairs.candidate_rows]]


@dataclass(frozen=True)
class RankerFeature:
    """How to compute a ranker feature [C], and the release arrays that it reads."""

    compute: Callable[[Pairs], np.ndarray]
    arrays: tuple[str, ...]


#: Ranker inputs that are computed here, by name. To add one, add a function and a line here.
RANKER_FEATURES = {
    "popularity": RankerFeature(popularity, (POPULARITY,)),
    "activity": RankerFeature(activity, ()),
    "cooccurrence": RankerFeature(cooccurrence, (NEIGHBOUR_ROWS, NEIGHBOUR_SIMILARITIES)),
    "linear": RankerFeature(linear, (LINEAR_ROWS, LINEAR_WEIGHTS, LINEAR_RECENCY)),
    "transitions": RankerFeature(
        transitions, (TRANSITION_ROWS, TRANSITION_WEIGHTS, TRANSITION_RECENCY)
    ),
    "als": RankerFeature(als, (ALS_FACTORS, ALS_FOLDING)),
    REPEAT: RankerFeature(repeat, (REPEAT_WEIGHTS,)),
}


#: Candidate generators whose score of a candidate is the ranker feature of the same name; of popularity it is
#: another number, and it serves only users without a history.
SCORED_GENERATORS = tuple(
    name for name in GENERATORS if name in RANKER_FEATURES and name != "popularity"
)


def is_ranker_feature(name: str) -> bool:
    """Whether a ranker input with this name is the retrieval score, a ranker feature or a z-score of one."""
    return _base(name) in (RETRIEVAL_SCORE, *RANKER_FEATURES)


def arrays_of(names: Sequence[str]) -> tuple[str, ...]:
    """The release arrays that the ranker features with these names read, sorted."""
    bases = {_base(name) for name in names} & RANKER_FEATURES.keys()
    return tuple(sorted({array for base in bases for array in RANKER_FEATURES[base].arrays}))


class RankerFeatures:
    """Computes the ranker features with these names; see ``is_ranker_feature``.

    Args:
        items: the number of items.
        array: returns an array of the release by its file name.
    """

    def __init__(
        self, names: Sequence[str], items: int, array: Callable[[str], np.ndarray]
    ) -> None:
        self.names = tuple(names)
        self._places = Places(items, array)

    def compute(
        self,
        candidate_rows: np.ndarray,
        seen_rows: RowsOfUsers,
        recent_rows: RowsOfUsers,
        retrieval_scores: np.ndarray,
    ) -> dict[str, np.ndarray]:
        """By name, float32 [B, C] for each user's candidates.

        Args:
            candidate_rows: int64 [B, C], padded with -1.
            seen_rows: for each user int64 [S], see ``seen``. ``recent_rows``: for each user int64 [R],
                the newest interactions with their repeats.
            retrieval_scores: float32 [B, C].
        """
        made = {name: np.zeros(candidate_rows.shape, np.float32) for name in self.names}
        for user, rows in enumerate(candidate_rows):
            pairs = self._places.pairs(rows, seen_rows[user], recent_rows[user])
            bases = {RETRIEVAL_SCORE: retrieval_scores[user]}
            for base in dict.fromkeys(map(_base, self.names)):
                if base != RETRIEVAL_SCORE:
                    bases[base] = RANKER_FEATURES[base].compute(pairs).astype(np.float32)
            real = rows >= 0
            for name in self.names:
                values = bases[_base(name)]
                made[name][user] = z_scores(values, real) if name.endswith(Z_SCORE) else values
        return made


def _base(name: str) -> str:
    """The name without the z-score ending."""
    return name.removesuffix(Z_SCORE)
