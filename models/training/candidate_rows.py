"""Training rows of the ranker: candidates as the served funnel would retrieve them.

Positives are retrieved items that the user later interacted with; all other retrieved items are negatives.
The code that serves candidates and ranker features computes them here too, to avoid training-serving skew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import faiss
import numpy as np
from threadpoolctl import threadpool_limits

from models.hidden_items import hidden_items
from models.item_models.user_items import user_items
from models.prepared import Arrays, Interactions, PreparedData
from recipes.schema.recipe import Recipe
from runtime.candidates.item_index import build_index
from runtime.candidates.ranker_features import RankerFeatures, arrays_of, is_ranker_feature
from runtime.candidates.retrieval import CandidateRetrieval, Wanted, kept_candidates
from runtime.candidates.seen import READ, distinct
from stages.progress import progress

#: Users whose candidates are processed together.
USERS_AT_ONCE = 256


@dataclass(frozen=True)
class Pasts:
    """What users had: for each the rows of its items, int64, oldest first.

    ``seen``: each item once, where it comes last; ``recent``: the newest interactions with their repeats;
    ``hidden``: each item once that may not be a candidate.
    """

    seen: list[np.ndarray]
    recent: list[np.ndarray]
    hidden: list[np.ndarray]

    @classmethod
    def of(cls, items: list[np.ndarray], hidden: list[np.ndarray]) -> "Pasts":
        """Of the items of each user's interactions and those that are ``hidden_items``, with repeats."""
        seen, left_out = ([_distinct(each) for each in of] for of in (items, hidden))
        return cls(seen, [each[-READ:] for each in items], left_out)


def _distinct(items: np.ndarray) -> np.ndarray:
    return np.array(distinct(items.tolist()), np.int64)


@dataclass(frozen=True)
class CandidateRows:
    """One row per user and candidate.

    ``columns``: the ranker's inputs by name, [n] or [n, length]; ``relevant``: float32 [n];
    ``users``: user row of each row, int64 [n]; ``lists``: int64 [n], equal for candidates that were
    retrieved together; ``weights``: float32 [n], the weight of the interaction that makes a row relevant, 1
    for other rows; None without weights.
    """

    columns: Arrays
    relevant: np.ndarray
    users: np.ndarray
    lists: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.relevant)

    def of_users(self, chosen: np.ndarray) -> "CandidateRows":
        """Select the rows of the ``chosen`` user rows."""
        kept = np.isin(self.users, chosen)
        columns = {name: column[kept] for name, column in self.columns.items()}
        weights = None if self.weights is None else self.weights[kept]
        return CandidateRows(
            columns, self.relevant[kept], self.users[kept], self.lists[kept], weights
        )

    @property
    def each_weight(self) -> np.ndarray:
        """The weights, or ones."""
        return np.ones(len(self), np.float32) if self.weights is None else self.weights

    def ranker_features(self) -> Arrays:
        """The columns that are ranker features."""
        return {name: column for name, column in self.columns.items() if is_ranker_feature(name)}


def all_of(parts: list[CandidateRows]) -> CandidateRows:
    """Concatenate the rows of all parts; their lists stay separate."""
    ends = np.cumsum([0] + [int(part.lists.max(initial=-1)) + 1 for part in parts])
    return CandidateRows(
        {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns},
        np.concatenate([part.relevant for part in parts]),
        np.concatenate([part.users for part in parts]),
        np.concatenate([part.lists + end for part, end in zip(parts, ends[:-1], strict=True)]),
        None
        if all(part.weights is None for part in parts)
        else np.concatenate([part.each_weight for part in parts]),
    )


@dataclass(frozen=True)
class Retrieval:
    """A retriever's vectors, and the interactions that it has seen.

    ``queries``: float32 [users, dim], NaN for users who get no candidates; ``items``: float32 [items, dim],
    both of one retriever that was trained on ``visible`` alone, so its scores for held-out items are like
    those in service.
    ``absolute``: whether a score is the absolute value of the inner product. ``arrays``:
    ``candidate_arrays`` of ``visible``.
    """

    queries: np.ndarray
    items: np.ndarray
    visible: Interactions
    arrays: Arrays
    absolute: bool = False

    def index(self, wanted: Literal["auto", "exact", "approximate"]) -> faiss.Index:
        """The item index as served; it is built once."""
        if wanted not in self._indices:
            self._indices[wanted] = build_index(self.items, wanted).faiss_index
        return self._indices[wanted]

    @cached_property
    def _indices(self) -> dict[str, faiss.Index]:
        return {}


def candidate_rows(
    recipe: Recipe, data: PreparedData, retrieval: Retrieval, relevant: Interactions
) -> CandidateRows:
    """Retrieve candidates for every user with a relevant item, and label them."""
    users = np.unique(relevant.users)
    seen = data.seen_beside(retrieval.visible, relevant)
    hidden = hidden_items(seen, recipe.serving.exclude, users)
    pasts = Pasts.of(retrieval.visible.by_user(users), hidden)
    rows, features = _candidates(recipe, retrieval.queries[users], pasts, retrieval)
    return _labelled(data, data.pair_columns, users, rows, features, relevant)


def unknown_user_rows(
    recipe: Recipe,
    data: PreparedData,
    query: np.ndarray,
    retrieval: Retrieval,
    relevant: Interactions,
    users: np.ndarray,
) -> CandidateRows:
    """The rows of some users treated as unknown: no features, no history; the labels stay theirs.

    Args:
        query: float32 [1, dim], of the unknown user.
        users: the user rows.
    """
    nothing = [np.array([], np.int64)]
    rows, features = _candidates(recipe, query, Pasts.of(nothing, nothing), retrieval)
    # All unknown users get the same candidates.
    rows = np.repeat(rows, len(users), axis=0)
    features = {name: np.repeat(values, len(users), axis=0) for name, values in features.items()}
    return _labelled(data, data.pair_columns_of_unknown, users, rows, features, relevant)


def _labelled(
    data: PreparedData,
    of_pairs: Callable[[np.ndarray, np.ndarray], Arrays],
    users: np.ndarray,
    rows: np.ndarray,
    features: Arrays,
    relevant: Interactions,
) -> CandidateRows:
    """The rows of candidates int64 [users, count], -1 pads, and their ranker features by name."""
    wanted = relevant.by_user(users)
    labels = np.array(
        [np.isin(found, own) for found, own in zip(rows, wanted, strict=True)], np.float32
    )
    real = rows.ravel() >= 0
    item_rows = rows.ravel()[real]
    user_rows = np.repeat(users, rows.shape[1])[real]
    columns = of_pairs(user_rows, item_rows)
    columns |= {name: values.ravel()[real] for name, values in features.items()}
    weights = None
    if relevant.weights is not None:
        pairs = user_items(relevant, data.user_count, data.item_count, weighted=True)
        own = np.asarray(pairs[user_rows, item_rows]).ravel()
        weights = np.where(own > 0, own, np.float32(1))
    # Each user has one list here, so the user row identifies it.
    return CandidateRows(columns, labels.ravel()[real], user_rows, user_rows, weights)


def _candidates(
    recipe: Recipe,
    queries: np.ndarray,
    pasts: Pasts,
    retrieval: Retrieval,
) -> tuple[np.ndarray, Arrays]:
    """Candidates in retrieval order, int64 [users, count], padded with -1; their ranker features by name."""
    arrays = retrieval.arrays
    names = [
        name for name in recipe.ranker_features if all(each in arrays for each in arrays_of([name]))
    ]
    items, array = retrieval.items, retrieval.arrays.__getitem__
    count = min(recipe.serving.candidates, len(items))
    found = CandidateRetrieval(
        retrieval.index(recipe.serving.index),
        items,
        array,
        candidates=count,
        absolute=retrieval.absolute,
        generators=recipe.serving.generators,
    )
    features = RankerFeatures(names, len(items), array)
    rows = np.empty((len(queries), count), np.int64)
    made = {name: np.empty(rows.shape, np.float32) for name in names}
    # Users are processed one by one: BLAS's threads would wait for each other more than they work.
    with threadpool_limits(1, "blas"):
        for start in progress("candidates", range(0, len(queries), USERS_AT_ONCE)):
            part = slice(start, start + USERS_AT_ONCE)
            wanted = Wanted.but_hidden(pasts.seen[part], pasts.recent[part], pasts.hidden[part])
            retrieved = found.retrieve(queries[part], wanted)
            rows[part], scores = kept_candidates(
                retrieved.rows,
                retrieved.scores,
                pasts.hidden[part],
                wanted.allowed,
                len(items),
                count,
            )
            computed = features.compute(rows[part], pasts.seen[part], pasts.recent[part], scores)
            for name, values in computed.items():
                made[name][part] = values
    return rows, made
