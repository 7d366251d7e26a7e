"""What the ranker is trained on: candidates as the served funnel would retrieve them.

Positives are retrieved items that the user did go on to interact with; negatives are retrieved items
that the user did not. Numbers about user and candidate come from the very code that serves them.
"""

from dataclasses import dataclass

import numpy as np

from ensemble.runtime.operators.cross_features import CROSS_FEATURES, Places
from models import candidates
from models.linear import MOST_ITEMS, item_weights, strongest
from models.neighbours import item_neighbours
from models.prepared import Arrays, Interactions, PreparedData

RETRIEVAL_SCORE = "retrieval_score"
#: Neighbours kept of each item for the co-occurrence feature.
NEIGHBOURS = 200


@dataclass(frozen=True)
class CandidateRows:
    """One row per user and candidate.

    ``columns``: the ranker's inputs by name, [n] or [n, length]; ``relevant``: float32 [n];
    ``users``: user row of each row, int64 [n].
    """

    columns: Arrays
    relevant: np.ndarray
    users: np.ndarray

    def of_users(self, chosen: np.ndarray) -> "CandidateRows":
        """The rows of some user rows."""
        kept = np.isin(self.users, chosen)
        columns = {name: column[kept] for name, column in self.columns.items()}
        return CandidateRows(columns, self.relevant[kept], self.users[kept])

    def __add__(self, other: "CandidateRows") -> "CandidateRows":
        columns = {
            name: np.concatenate([column, other.columns[name]])
            for name, column in self.columns.items()
        }
        return CandidateRows(
            columns,
            np.concatenate([self.relevant, other.relevant]),
            np.concatenate([self.users, other.users]),
        )

    def numbers(self) -> Arrays:
        """The numeric inputs."""
        names = (RETRIEVAL_SCORE, *CROSS_FEATURES)
        return {name: self.columns[name] for name in names if name in self.columns}


def cross_feature_arrays(data: PreparedData, visible: Interactions) -> Arrays:
    """The arrays that cross features read, by file name, from the interactions that may be seen."""
    neighbours = item_neighbours(visible, data.user_count, data.item_count, NEIGHBOURS)
    counts = np.bincount(visible.items, minlength=data.item_count)
    linear = {}
    if data.item_count <= MOST_ITEMS:
        weights = item_weights(visible, data.user_count, data.item_count)
        led_to = strongest(weights, NEIGHBOURS)
        linear = {
            "linear_rows.npy": led_to.rows.astype(np.int32),
            "linear_weights.npy": led_to.weights,
        }
    return linear | {
        "popularity.npy": counts.astype(np.float32),
        "neighbour_rows.npy": neighbours.rows.astype(np.int32),
        "neighbour_similarities.npy": neighbours.similarities,
    }


def candidate_rows(
    data: PreparedData,
    queries: np.ndarray,
    items: np.ndarray,
    visible: Interactions,
    relevant: Interactions,
    count: int,
    arrays: Arrays,
    *,
    absolute: bool = False,
) -> CandidateRows:
    """Retrieve ``count`` candidates for every user with something relevant, and label them.

    Args:
        queries: float32 [users, dim]; items: float32 [items, dim], both of one retriever that was
            trained on ``visible`` alone: its scores for ``relevant`` are then what they are in service.
        absolute: as in ``candidates.retrieve``.
        arrays: ``cross_feature_arrays`` of ``visible``.
    """
    users = np.unique(relevant.users)
    past = visible.by_user(data.user_count)
    seen = [past[user] for user in users]
    return _labelled(
        data, data.users, users, queries[users], items, seen, relevant, count, arrays, absolute
    )


def unknown_user_rows(
    data: PreparedData,
    query: np.ndarray,
    items: np.ndarray,
    relevant: Interactions,
    count: int,
    arrays: Arrays,
    users: np.ndarray,
    *,
    absolute: bool = False,
) -> CandidateRows:
    """The rows of some users as if nobody knew them: no features, no past; the labels stay theirs.

    Args:
        query: float32 [1, dim], the unknown user's; the rest as in ``candidate_rows``.
        users: which user rows.
    """
    columns = {
        name: np.repeat(value, data.user_count, axis=0)
        for name, value in data.unknown_user.items()
        if name in data.users
    }
    queries = np.repeat(query, len(users), axis=0)
    nothing = [np.array([], np.int64)] * len(users)
    return _labelled(
        data, columns, users, queries, items, nothing, relevant, count, arrays, absolute
    )


def _labelled(
    data: PreparedData,
    user_columns: Arrays,
    users: np.ndarray,
    queries: np.ndarray,
    items: np.ndarray,
    seen: list[np.ndarray],
    relevant: Interactions,
    count: int,
    arrays: Arrays,
    absolute: bool,
) -> CandidateRows:
    rows, scores = candidates.retrieve(queries, items, seen, count, absolute=absolute)
    wanted = relevant.by_user(data.user_count)
    features = {
        name: feature
        for name, feature in CROSS_FEATURES.items()
        if all(array in arrays for array in feature.arrays)
    }
    numbers = {name: np.zeros(rows.shape, np.float32) for name in features}
    labels = np.zeros(rows.shape, np.float32)
    places = Places(data.item_count, arrays.__getitem__)
    for position, user in enumerate(users):
        pairs = places.pairs(rows[position], seen[position])
        for name, feature in features.items():
            numbers[name][position] = feature.compute(pairs)
        labels[position] = np.isin(rows[position], wanted[user])

    real = rows.ravel() >= 0
    item_rows = rows.ravel()[real]
    user_rows = np.repeat(users, rows.shape[1])[real]
    columns = {name: column[user_rows] for name, column in user_columns.items()}
    columns |= {name: column[item_rows] for name, column in data.items.items()}
    columns[RETRIEVAL_SCORE] = scores.ravel()[real]
    columns |= {name: values.ravel()[real] for name, values in numbers.items()}
    return CandidateRows(columns, labels.ravel()[real], user_rows)
