"""The ranker's training rows: the candidates of a funnel, their labels and ranker features."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from ensemble.in_process import served_in_process
from models.item_models.arrays import candidate_arrays
from models.item_models.linear import item_weights
from models.prepared import Arrays, Interactions, PreparedData
from models.training.candidate_rows import (
    CandidateRows,
    Retrieval,
    all_of,
    candidate_rows,
    unknown_user_rows,
)
from models.training.fitting import Logs
from models.training.order import candidates_to_learn_from
from models.training.retriever_training import final_retriever
from recipes.schema.item_models import Linear
from recipes.schema.rankers import RANKER_FEATURES as KNOWN
from recipes.schema.recipe import Recipe
from runtime.candidates.ranker_features import RANKER_FEATURES, RETRIEVAL_SCORE
from stages.artifacts import Artifacts

COUNT = 20
FEATURES = (
    *("retrieval_score", "popularity", "activity", "cooccurrence", "linear"),
    *("retrieval_score_zscore", "linear_zscore"),
)


def asking(recipe: Recipe, count: int, *generators: str) -> Recipe:
    """The recipe with ``count`` candidates of some generators, and every ranker feature."""
    return recipe.model_copy(
        update={
            "serving": recipe.serving.model_copy(
                update={"candidates": count, "generators": generators}
            ),
            "ranker": recipe.ranker.model_copy(update={"features": FEATURES}),
        }
    )


def retrieval_of(
    recipe: Recipe, data: PreparedData, vectors: tuple[np.ndarray, np.ndarray]
) -> Retrieval:
    visible = data.interactions("train")
    return Retrieval(*vectors, visible, candidate_arrays(recipe, data, visible))


@pytest.fixture(scope="module")
def vectors(data: PreparedData) -> tuple[np.ndarray, np.ndarray]:
    """Random query and item embeddings: any will do for retrieval."""
    random = np.random.default_rng(3)
    shapes = ((data.user_count, 4), (data.item_count, 4))
    queries, items = (random.normal(size=shape).astype(np.float32) for shape in shapes)
    return queries, items


@pytest.fixture(scope="module")
def rows(
    data: PreparedData, recipe: Recipe, vectors: tuple[np.ndarray, np.ndarray]
) -> CandidateRows:
    asked = asking(recipe, COUNT, "two-tower")
    retrieval = retrieval_of(asked, data, vectors)
    return candidate_rows(asked, data, retrieval, data.interactions("valid"))


def best_unseen(
    vectors: tuple[np.ndarray, np.ndarray], user: int, seen: set[int], count: int
) -> list[int]:
    scores = vectors[1] @ vectors[0][user]
    left = [item for item in range(len(scores)) if item not in seen]
    return sorted(left, key=lambda item: -scores[item])[:count]


def pairs_of(interactions: Interactions) -> set[tuple[int, int]]:
    return set(zip(interactions.users.tolist(), interactions.items.tolist(), strict=True))


def test_candidates_are_the_best_that_the_user_has_not_seen(
    data: PreparedData, rows: CandidateRows, vectors: tuple[np.ndarray, np.ndarray]
) -> None:
    """Never a visible item; each row holds the columns, score and label of its user and candidate."""
    visible, relevant = pairs_of(data.interactions("train")), pairs_of(data.interactions("valid"))
    place = 0
    for user in sorted({user for user, _ in relevant}):
        seen = {item for other, item in visible if other == user}
        wanted = best_unseen(vectors, user, seen, COUNT)
        part = slice(place, place + len(wanted))
        place += len(wanted)
        assert (rows.users[part] == user).all()
        assert rows.relevant[part].tolist() == [(user, item) in relevant for item in wanted]
        for name, column in data.items.items():
            np.testing.assert_array_equal(rows.columns[name][part], column[wanted])
        for name, column in data.users.items():
            assert (rows.columns[name][part] == column[user]).all()
        scores = vectors[1][wanted] @ vectors[0][user]
        np.testing.assert_allclose(rows.columns["retrieval_score"][part], scores, atol=1e-5)
    assert place == len(rows.users) == len(rows.relevant)
    assert 0 < rows.relevant.sum() < len(rows.relevant)


def test_cross_features_by_hand(
    data: PreparedData, rows: CandidateRows, vectors: tuple[np.ndarray, np.ndarray]
) -> None:
    """Popularity, activity, co-occurrence and the linear model's weights, from the visible part alone."""
    train = data.interactions("train")
    weights = item_weights(train, data.user_count, data.item_count, Linear())
    buyers = [set(train.users[train.items == item].tolist()) for item in range(data.item_count)]
    for user in np.unique(rows.users)[::5].tolist():
        seen = set(train.items[train.users == user].tolist())
        item = best_unseen(vectors, user, seen, 1)[0]
        first = np.flatnonzero(rows.users == user)[0]
        cosines = [
            len(buyers[item] & buyers[other]) / np.sqrt(len(buyers[item]) * len(buyers[other]) or 1)
            for other in seen
        ]
        expected = {
            "popularity": np.log1p(len(buyers[item])),
            "activity": np.log1p(len(seen)),
            "cooccurrence": sum(cosines) / np.sqrt(len(seen)),
            "linear": sum(weights[other, item] for other in seen),
        }
        assert set(expected) == set(RANKER_FEATURES) - {"als", "repeat", "transitions"}
        for name, value in expected.items():
            assert rows.columns[name][first] == pytest.approx(value, rel=1e-5, abs=1e-6), name


def test_a_recipe_may_name_every_number_that_is_computed() -> None:
    """Recipes are checked against the ranker features that the runtime computes."""
    assert set(KNOWN) == {RETRIEVAL_SCORE, *RANKER_FEATURES}


def test_rows_of_some_users(rows: CandidateRows) -> None:
    """All rows of the chosen users and no others; both parts together are all rows."""
    chosen = rows.of_users(np.array([3, 5]))
    assert set(chosen.users) == {3, 5}
    both = all_of([chosen, rows.of_users(np.setdiff1d(rows.users, [3, 5]))])
    assert len(both.relevant) == len(rows.relevant)
    assert both.relevant.sum() == rows.relevant.sum()
    assert all(len(column) == len(both.users) for column in both.columns.values())


def test_a_ranker_learns_from_a_sample_of_the_users(data: PreparedData, recipe: Recipe) -> None:
    """At most ``ranker.users``, drawn with the seed; each has the rows that it has among all users."""
    train, valid = data.interactions("train"), data.interactions("valid")
    visible = data.interactions("train", "valid")
    # An untrained retriever: what is drawn does not depend on what it learnt.
    figures = {"retriever": {"learnt": 0.0}}
    retriever = final_retriever(recipe, data, train, train, Logs(), 0, figures)

    def of(users: int, seed: int) -> tuple[CandidateRows, CandidateRows]:
        ranker = recipe.ranker.model_copy(update={"users": users, "seed": seed})
        asked = recipe.model_copy(update={"ranker": ranker})
        [part] = candidates_to_learn_from(asked, data, retriever, train, valid, visible, 0, Logs())
        return part

    sample, unknown = of(7, seed=1)
    other, _ = of(7, seed=2)
    all_rows, _ = of(1000, seed=1)
    drawn = np.unique(sample.users)
    assert len(drawn) == len(np.unique(other.users)) == 7 < len(np.unique(all_rows.users))
    assert not np.array_equal(drawn, np.unique(other.users))
    assert set(unknown.users) <= set(drawn)
    same = all_rows.of_users(drawn)
    np.testing.assert_array_equal(sample.relevant, same.relevant)
    for name, column in sample.columns.items():
        np.testing.assert_allclose(column, same.columns[name], rtol=1e-5, atol=1e-6, err_msg=name)


def test_an_unknown_users_rows_show_nothing_of_the_user(
    data: PreparedData, recipe: Recipe, vectors: tuple[np.ndarray, np.ndarray]
) -> None:
    """Unknown features, no history, the whole catalogue as candidates; only the labels are the user's."""
    relevant = data.interactions("valid")
    users = np.unique(relevant.users)[:3]
    query = vectors[0][:1]
    asked = asking(recipe, data.item_count, "two-tower")
    retrieval = retrieval_of(asked, data, vectors)
    rows = unknown_user_rows(asked, data, query, retrieval, relevant, users)
    assert len(rows.users) == 3 * data.item_count
    for name in data.users:
        assert (rows.columns[name] == data.unknown_user[name][0]).all(), name
    assert not rows.columns["activity"].any()
    assert not rows.columns["cooccurrence"].any()
    assert not rows.columns["linear"].any()
    for user in users.tolist():
        wanted = {item for other, item in pairs_of(relevant) if other == user}
        assert rows.relevant[rows.users == user].sum() == len(wanted)


def test_training_and_service_compute_the_same_numbers(
    data: PreparedData, recipe: Recipe, artifacts: Artifacts
) -> None:
    """Every ranker input of every user with a test item equals what the served plan computes."""
    visible, relevant = data.interactions("train", "valid"), data.interactions("test")
    users = np.unique(relevant.users)
    with served_in_process(recipe, artifacts) as plan:
        served = plan.run(plan.columns(plan.request([data.raw_user_ids[user] for user in users])))
        feeds = next(each for each in plan.operators if each.name == "rank").config.feeds
    queries = np.zeros((data.user_count, served["query"].shape[1]), np.float32)
    queries[users] = served["query"]
    arrays = candidate_arrays(recipe, data, visible)
    retrieval = Retrieval(queries, embeddings_of(artifacts), visible, arrays)
    trained = candidate_rows(recipe, data, retrieval, relevant)
    assert set(recipe.ranker.features) <= set(feeds)
    for place, user in enumerate(users):
        mine = in_order(trained.of_users(np.array([user])).columns, feeds)
        real = served["candidate_rows"][place] >= 0
        theirs = {
            name: np.repeat(served[column][place : place + 1], real.sum(), axis=0)
            if column.startswith("user.")
            else served[column][place][real]
            for name, column in feeds.items()
        }
        for name, values in in_order(theirs, feeds).items():
            np.testing.assert_allclose(mine[name], values, rtol=1e-5, atol=1e-6, err_msg=name)


def in_order(columns: Arrays, names: dict[str, str]) -> Arrays:
    """Rows sorted by item code, which is unique in this shop: equal scores may swap."""
    order = np.argsort(columns["product"], kind="stable")
    return {name: columns[name][order] for name in names}


def embeddings_of(artifacts: Artifacts) -> np.ndarray:
    return np.stack(pq.read_table(artifacts.models.item_embeddings)["embedding"].to_numpy())


def test_the_served_arrays_are_of_train_and_valid(
    data: PreparedData, recipe: Recipe, artifacts: Artifacts
) -> None:
    """The arrays stored beside the models are those of train and valid together, bit for bit."""
    visible = data.interactions("train", "valid")
    expected_arrays = candidate_arrays(recipe, data, visible)
    assert len(expected_arrays) == len(list(artifacts.models.candidate_arrays.glob("*.npy")))
    for name, expected in expected_arrays.items():
        found = np.load(artifacts.models.candidate_arrays / name)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_an_item_keeps_as_many_linear_weights_as_the_recipe_says(
    data: PreparedData, recipe: Recipe
) -> None:
    """The two largest of each item."""
    linear = recipe.linear.model_copy(update={"neighbours": 2})
    visible = data.interactions("train")
    arrays = candidate_arrays(recipe.model_copy(update={"linear": linear}), data, visible)
    weights = np.abs(item_weights(visible, data.user_count, data.item_count, linear))
    kept = np.abs(arrays["linear_weights.npy"])
    np.testing.assert_array_equal(np.sort(kept, axis=1), np.sort(weights, axis=1)[:, -2:])


def test_sources_take_turns(
    data: PreparedData, recipe: Recipe, vectors: tuple[np.ndarray, np.ndarray]
) -> None:
    """The two-tower model's best item, then the linear model's best that is neither seen nor listed."""
    asked = asking(recipe, 2, "two-tower", "linear")
    rows = candidate_rows(
        asked, data, retrieval_of(asked, data, vectors), data.interactions("valid")
    )
    train = data.interactions("train")
    weights = item_weights(train, data.user_count, data.item_count, Linear())
    codes = data.items[data.item_id.name]
    for user in np.unique(rows.users)[::7].tolist():
        seen = set(train.items[train.users == user].tolist())
        first = best_unseen(vectors, user, seen, 1)[0]
        led_to = weights[list(seen)].sum(axis=0)
        led_to[[*seen, first]] = -np.inf
        found = rows.columns[data.item_id.name][rows.users == user]
        assert found.tolist() == [codes[first], codes[led_to.argmax()]]


def test_numbers_are_compared_within_a_list(rows: CandidateRows) -> None:
    """A z-score has mean 0 and deviation 1 over a user's candidates, and keeps their order."""
    for user in np.unique(rows.users)[:5]:
        own = rows.of_users(np.array([user])).columns
        zscore = own["retrieval_score_zscore"]
        assert zscore.mean() == pytest.approx(0, abs=1e-5)
        assert zscore.std() == pytest.approx(1, abs=1e-5)
        assert zscore.argmax() == own["retrieval_score"].argmax()
        order = np.argsort(own["linear"], kind="stable")
        assert (np.diff(own["linear_zscore"][order]) >= 0).all()
