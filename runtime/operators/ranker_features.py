"""Numbers about a candidate and the user together, which no single table holds."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..candidates.generators import (
    ALS_FACTORS,
    ALS_FOLDING,
    LINEAR_ROWS,
    LINEAR_WEIGHTS,
    POPULARITY,
    fold_in,
)
from ..candidates.inner_products import inner_products
from ..candidates.z_scores import STANDING, standing
from ..release import Release
from .operator import Column, Columns, Config, Operator

#: The inner product of query and item, which retrieval makes; every other number is made here.
RETRIEVAL_SCORE = "retrieval_score"


@dataclass(frozen=True)
class Pairs:
    """One user's candidates beside what this user has seen. Rows are -1 where there is none."""

    candidate_rows: np.ndarray  # int64 [C]
    #: Rows of the items that were seen, int64 [S], all of them real.
    seen: np.ndarray
    #: int32 [items]: 1 + a candidate's place among ``candidate_rows``, 0 for every other item.
    place: np.ndarray
    array: Callable[[str], np.ndarray]


class Places(threading.local):
    """Finds the pairs of one user after another; scratch space of an int32 for every item.

    Each thread has its own.
    """

    def __init__(self, items: int, array: Callable[[str], np.ndarray]) -> None:
        # One more at the end for row -1, no item.
        self._place = np.zeros(items + 1, dtype=np.int32)
        self._rows = np.zeros(0, dtype=np.int64)
        self._array = array

    def pairs(self, candidate_rows: np.ndarray, seen_rows: np.ndarray) -> Pairs:
        """The pairs of a user; they hold until the next call. Rows int64 [C] and [S]."""
        self._place[self._rows] = 0
        self._rows = candidate_rows
        # From the last to the first: an item that is named twice has its first place.
        self._place[candidate_rows[::-1]] = np.arange(len(candidate_rows), 0, -1, dtype=np.int32)
        self._place[-1] = 0
        return Pairs(candidate_rows, seen_rows[seen_rows >= 0], self._place, self._array)


def popularity(pairs: Pairs) -> np.ndarray:
    """log(1 + interactions of the candidate in the training part)."""
    return np.log1p(pairs.array(POPULARITY)[np.maximum(pairs.candidate_rows, 0)])


def activity(pairs: Pairs) -> np.ndarray:
    """log(1 + items that the user has seen), the same for every candidate."""
    return np.full(len(pairs.candidate_rows), np.log1p(len(pairs.seen)))


def cooccurrence(pairs: Pairs) -> np.ndarray:
    """How much the candidate goes with what was seen: sum of similarities / sqrt(items seen).

    The similarity of two items is the cosine over users (item-based collaborative filtering, Sarwar
    et al., WWW 2001), kept for each item's nearest neighbours. 0 for a user who has seen nothing.
    """
    sums = _summed(pairs, "neighbour_rows.npy", "neighbour_similarities.npy")
    return sums / np.sqrt(max(len(pairs.seen), 1))


def linear(pairs: Pairs) -> np.ndarray:
    """What was seen leads to the candidate, by the linear item-item model: the sum of its weights.

    EDLAE (H. Steck, NeurIPS 2020), kept for what each item leads to most strongly.
    """
    return _summed(pairs, LINEAR_ROWS, LINEAR_WEIGHTS)


def als(pairs: Pairs) -> np.ndarray:
    """The score by alternating least squares (``models.item_models.als``), 0 for a user who has seen
    nothing."""
    factors = pairs.array(ALS_FACTORS)
    if not len(pairs.seen):
        return np.zeros(len(pairs.candidate_rows))
    user = fold_in(factors, pairs.array(ALS_FOLDING), pairs.seen)
    return inner_products(factors[np.maximum(pairs.candidate_rows, 0)], user)


def _summed(pairs: Pairs, rows: str, values: str) -> np.ndarray:
    """Of each candidate [C]: the sum of ``values`` over all places in ``rows`` of seen items that name it."""
    related, weights = pairs.array(rows), pairs.array(values)
    places = pairs.place[related[pairs.seen].ravel()]
    hit = np.flatnonzero(places)
    by, column = np.divmod(hit, related.shape[1])
    sums = np.bincount(
        places[hit],
        weights=weights[pairs.seen[by], column],
        minlength=len(pairs.candidate_rows) + 1,
    )
    sums[0] = 0  # of what is no candidate
    return sums[pairs.place[pairs.candidate_rows]]


@dataclass(frozen=True)
class CrossFeature:
    """How to compute a cross feature [C], and the arrays of the release that it reads."""

    compute: Callable[[Pairs], np.ndarray]
    arrays: tuple[str, ...]


#: A ranker input of one of these names is computed here. To add one: a function and a line.
CROSS_FEATURES = {
    "popularity": CrossFeature(popularity, (POPULARITY,)),
    "activity": CrossFeature(activity, ()),
    "cooccurrence": CrossFeature(
        cooccurrence, ("neighbour_rows.npy", "neighbour_similarities.npy")
    ),
    "linear": CrossFeature(linear, (LINEAR_ROWS, LINEAR_WEIGHTS)),
    "als": CrossFeature(als, (ALS_FACTORS, ALS_FOLDING)),
}


def is_number(name: str) -> bool:
    """Whether a ranker input of this name is the retrieval score, a cross feature or the standing of one."""
    return _base(name) in (RETRIEVAL_SCORE, *CROSS_FEATURES)


def arrays_of(names: Sequence[str]) -> tuple[str, ...]:
    """The arrays of the release that the numbers of these names read, sorted."""
    bases = {_base(name) for name in names} & CROSS_FEATURES.keys()
    return tuple(sorted({array for base in bases for array in CROSS_FEATURES[base].arrays}))


def numbers_of(
    names: Sequence[str], pairs: Pairs, retrieval_scores: np.ndarray
) -> dict[str, np.ndarray]:
    """The numbers of these names for one user's candidates, each [C].

    ``retrieval_scores``: float32 [C].
    """
    bases = {RETRIEVAL_SCORE: retrieval_scores}
    for base in dict.fromkeys(map(_base, names)):
        if base != RETRIEVAL_SCORE:
            bases[base] = CROSS_FEATURES[base].compute(pairs).astype(np.float32)
    real = pairs.candidate_rows >= 0
    return {
        name: standing(bases[_base(name)], real) if name.endswith(STANDING) else bases[name]
        for name in names
    }


def _base(name: str) -> str:
    """The number whose standing an input of this name is, or which it is itself."""
    return name.removesuffix(STANDING)


@dataclass(frozen=True)
class ComputeCrossFeaturesConfig(Config):
    #: Names for ``numbers_of``, other than that of the retrieval score itself.
    features: tuple[str, ...]


class ComputeCrossFeatures(Operator):
    """``candidate_rows`` [B, C], ``seen_rows`` [B, S], retrieval score -> ``candidate.NAME`` [B, C]."""

    name = "compute_cross_features"
    stage = "rank"
    config_type = ComputeCrossFeaturesConfig
    config: ComputeCrossFeaturesConfig

    def __init__(self, config: ComputeCrossFeaturesConfig, release: Release) -> None:
        super().__init__(config, release)
        self._places = Places(release.catalogue.size, release.array)

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("candidate_rows", "seen_rows", f"candidate.{RETRIEVAL_SCORE}")

    @property
    def outputs(self) -> tuple[Column, ...]:
        return tuple(
            Column(f"candidate.{name}", "float32", (None,)) for name in self.config.features
        )

    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        candidates, seen = columns["candidate_rows"], columns["seen_rows"]
        scores = columns[f"candidate.{RETRIEVAL_SCORE}"]
        made = {
            f"candidate.{name}": np.zeros(candidates.shape, dtype=np.float32)
            for name in self.config.features
        }
        for user in range(len(candidates)):
            pairs = self._places.pairs(candidates[user], seen[user])
            for name, values in numbers_of(self.config.features, pairs, scores[user]).items():
                made[f"candidate.{name}"][user] = values
        return made
