"""Training rows of the ranker: candidates as the served funnel would retrieve them.

Positives are retrieved items that the user later interacted with; all other retrieved items are negatives.
The code that serves candidates and ranker features computes them here too, to avoid training-serving skew.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from models.item_models.user_items import user_items
from models.prepared import Arrays, Interactions, PreparedData
from recipes.schema.recipe import Recipe
from runtime.candidates.catalogue import NO_ROW
from runtime.candidates.item_index import build_index
from runtime.candidates.ranker_features import RankerFeatures, arrays_of, is_ranker_feature
from runtime.candidates.retrieval import CandidateRetrieval, Wanted, kept_candidates
from runtime.lists import padded_lists

#: Users whose candidates are processed together.
USERS_AT_ONCE = 256


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

    ``queries``: float32 [users, dim]; ``items``: float32 [items, dim], both of one retriever that was trained
    on ``visible`` alone, so its scores for held-out items are like those in service.
    ``absolute``: whether a score is the absolute value of the inner product. ``arrays``:
    ``candidate_arrays`` of ``visible``.
    """

    queries: np.ndarray
    items: np.ndarray
    visible: Interactions
    arrays: Arrays
    absolute: bool = False


def candidate_rows(
    recipe: Recipe, data: PreparedData, retrieval: Retrieval, relevant: Interactions
) -> CandidateRows:
    """Retrieve candidates for every user with a relevant item, and label them."""
    users = np.unique(relevant.users)
    past = retrieval.visible.by_user(data.user_count)
    left_out = data.seen_beside(retrieval.visible, relevant).by_user(data.user_count)
    seen, hidden = ([of[user] for user in users] for of in (past, left_out))
    queries = retrieval.queries[users]
    return _labelled(
        recipe, data, data.pair_columns, users, queries, seen, hidden, retrieval, relevant
    )


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
    queries = np.repeat(query, len(users), axis=0)
    nothing = [np.array([], np.int64)] * len(users)
    of_pairs = data.pair_columns_of_unknown
    return _labelled(recipe, data, of_pairs, users, queries, nothing, nothing, retrieval, relevant)


def _labelled(
    recipe: Recipe,
    data: PreparedData,
    of_pairs: Callable[[np.ndarray, np.ndarray], Arrays],
    users: np.ndarray,
    queries: np.ndarray,
    seen: list[np.ndarray],
    hidden: list[np.ndarray],
    retrieval: Retrieval,
    relevant: Interactions,
) -> CandidateRows:
    wanted = relevant.by_user(data.user_count)
    arrays = retrieval.arrays
    names = [
        name for name in recipe.ranker.features if all(each in arrays for each in arrays_of([name]))
    ]
    rows, features = _candidates(recipe, queries, seen, hidden, retrieval, names)
    labels = np.array(
        [np.isin(found, wanted[user]) for found, user in zip(rows, users, strict=True)], np.float32
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
    seen: list[np.ndarray],
    hidden: list[np.ndarray],
    retrieval: Retrieval,
    names: list[str],
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Candidates in retrieval order, int64 [users, count], padded with -1; their ranker features by name."""
    items, array = retrieval.items, retrieval.arrays.__getitem__
    count = min(recipe.serving.candidates, len(items))
    found = CandidateRetrieval(
        build_index(items, recipe.serving.index).faiss_index,
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
        for start in range(0, len(queries), USERS_AT_ONCE):
            part = slice(start, start + USERS_AT_ONCE)
            seen_rows = padded_lists(seen[part], np.int64, fill=NO_ROW)
            hidden_rows = padded_lists(hidden[part], np.int64, fill=NO_ROW)
            wanted = Wanted.but_hidden(seen_rows, hidden_rows)
            retrieved = found.retrieve(queries[part], wanted)
            rows[part], scores = kept_candidates(
                retrieved.rows, retrieved.scores, hidden_rows, wanted.allowed, len(items), count
            )
            for name, values in features.compute(rows[part], seen_rows, scores).items():
                made[name][part] = values
    return rows, made
