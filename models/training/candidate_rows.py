"""What the ranker is trained on: candidates as the served funnel would retrieve them.

Positives are retrieved items that the user did go on to interact with; negatives are retrieved items
that the user did not. Numbers about user and candidate come from the very code that serves them.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from models.prepared import Arrays, Interactions, PreparedData
from models.training import exact_retrieval as candidates
from recipes.schema.recipe import Recipe
from runtime.candidates.generators import SOURCES, TWO_TOWER, interleave
from runtime.candidates.inner_products import inner_products
from runtime.operators.ranker_features import Places, arrays_of, is_number, numbers_of


@dataclass(frozen=True)
class CandidateRows:
    """One row per user and candidate.

    ``columns``: the ranker's inputs by name, [n] or [n, length]; ``relevant``: float32 [n];
    ``users``: user row of each row, int64 [n]; ``lists``: int64 [n], the same for the candidates that were
    retrieved together.
    """

    columns: Arrays
    relevant: np.ndarray
    users: np.ndarray
    lists: np.ndarray

    def __len__(self) -> int:
        return len(self.relevant)

    def of_users(self, chosen: np.ndarray) -> "CandidateRows":
        """The rows of some user rows."""
        kept = np.isin(self.users, chosen)
        columns = {name: column[kept] for name, column in self.columns.items()}
        return CandidateRows(columns, self.relevant[kept], self.users[kept], self.lists[kept])

    def numbers(self) -> Arrays:
        """The numbers about user and candidate."""
        return {name: column for name, column in self.columns.items() if is_number(name)}


def all_of(parts: list[CandidateRows]) -> CandidateRows:
    """The rows of all parts, whose lists stay apart."""
    ends = np.cumsum([0] + [int(part.lists.max(initial=-1)) + 1 for part in parts])
    return CandidateRows(
        {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns},
        np.concatenate([part.relevant for part in parts]),
        np.concatenate([part.users for part in parts]),
        np.concatenate([part.lists + end for part, end in zip(parts, ends[:-1], strict=True)]),
    )


@dataclass(frozen=True)
class Retrieval:
    """A retriever's vectors, and what it may see.

    ``queries``: float32 [users, dim]; ``items``: float32 [items, dim], both of one retriever that was trained
    on ``visible`` alone: its scores for what is held out are then what they are in service.
    ``absolute``: as in ``candidates.retrieve``. ``arrays``: ``number_arrays`` of ``visible``.
    """

    queries: np.ndarray
    items: np.ndarray
    visible: Interactions
    arrays: Arrays
    absolute: bool = False


def candidate_rows(
    recipe: Recipe, data: PreparedData, retrieval: Retrieval, relevant: Interactions
) -> CandidateRows:
    """Retrieve candidates for every user with something relevant, and label them."""
    users = np.unique(relevant.users)
    past = retrieval.visible.by_user(data.user_count)
    seen = [past[user] for user in users]
    queries = retrieval.queries[users]
    return _labelled(recipe, data, data.pair_columns, users, queries, seen, retrieval, relevant)


def unknown_user_rows(
    recipe: Recipe,
    data: PreparedData,
    query: np.ndarray,
    retrieval: Retrieval,
    relevant: Interactions,
    users: np.ndarray,
) -> CandidateRows:
    """The rows of some users as if nobody knew them: no features, no past; the labels stay theirs.

    Args:
        query: float32 [1, dim], the unknown user's.
        users: which user rows.
    """
    queries = np.repeat(query, len(users), axis=0)
    nothing = [np.array([], np.int64)] * len(users)
    of_pairs = data.pair_columns_of_unknown
    return _labelled(recipe, data, of_pairs, users, queries, nothing, retrieval, relevant)


def _labelled(
    recipe: Recipe,
    data: PreparedData,
    of_pairs: Callable[[np.ndarray, np.ndarray], Arrays],
    users: np.ndarray,
    queries: np.ndarray,
    seen: list[np.ndarray],
    retrieval: Retrieval,
    relevant: Interactions,
) -> CandidateRows:
    wanted = relevant.by_user(data.user_count)
    rows, scores = _retrieved(recipe, queries, seen, retrieval)
    arrays = retrieval.arrays
    names = [
        name for name in recipe.ranker.numbers if all(each in arrays for each in arrays_of([name]))
    ]
    numbers = {name: np.zeros(rows.shape, np.float32) for name in names}
    labels = np.zeros(rows.shape, np.float32)
    places = Places(data.item_count, arrays.__getitem__)
    with _small_work():
        for position, user in enumerate(users):
            pairs = places.pairs(rows[position], seen[position])
            for name, values in numbers_of(names, pairs, scores[position]).items():
                numbers[name][position] = values
            labels[position] = np.isin(rows[position], wanted[user])

    real = rows.ravel() >= 0
    item_rows = rows.ravel()[real]
    user_rows = np.repeat(users, rows.shape[1])[real]
    columns = of_pairs(user_rows, item_rows)
    columns |= {name: values.ravel()[real] for name, values in numbers.items()}
    # Nobody has two lists among these.
    return CandidateRows(columns, labels.ravel()[real], user_rows, user_rows)


def _retrieved(
    recipe: Recipe, queries: np.ndarray, seen: list[np.ndarray], retrieval: Retrieval
) -> tuple[np.ndarray, np.ndarray]:
    """Candidates in the order of retrieval, int64 [users, count], and inner products; -1 and -inf pad."""
    count, items = recipe.serving.candidates, retrieval.items
    nearest, products = candidates.retrieve(
        queries, items, seen, count, absolute=retrieval.absolute
    )
    names: tuple[str, ...] = recipe.serving.sources
    further = {
        name: SOURCES[name](len(items), retrieval.arrays.__getitem__)
        for name in names
        if name != TWO_TOWER
    }
    if not further:
        return nearest, products
    rows, scores = np.full_like(nearest, -1), np.full_like(products, -np.inf)
    with _small_work():
        for user, taken in enumerate(seen):
            allowed = np.ones(len(items), bool)
            allowed[taken] = False
            lists = {
                name: source.best(taken, count, allowed)[0] for name, source in further.items()
            }
            lists[TWO_TOWER] = nearest[user]
            merged = interleave([lists[name] for name in names], nearest.shape[1])
            rows[user, : len(merged)] = merged
            found = inner_products(items[merged], queries[user])
            scores[user, : len(merged)] = np.abs(found) if retrieval.absolute else found
    return rows, scores


def _small_work() -> AbstractContextManager[object]:
    """For one user after the other, where BLAS's threads would wait for each other more than they work."""
    limits: AbstractContextManager[object] = threadpool_limits(1, "blas")
    return limits
