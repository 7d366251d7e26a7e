"""The protocol ``top-k-accuracy``: by hand, and against brute force on the made-up shop."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from ensemble.in_process import served_in_process
from evaluation.protocols import Table, measure
from evaluation.protocols.top_k_accuracy import KS, top_k_accuracy, without
from models.prepared import Interactions, PreparedData
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.errors import ShortlistError

Trained = tuple[Recipe, Artifacts]
EXACT, NEARLY, FUNNEL = (
    "retrieval, exact search",
    "retrieval, approximate",
    "funnel, as served",
)


def test_every_interaction_counts_once() -> None:
    """The share is of interactions, not of users: one user finds two of three, the other one of one."""
    lists = np.array([[7, 3, *range(10, 18), 5], [1, 2, 0, *[-1] * 8]])
    test = Interactions(np.array([4, 4, 4, 9]), np.array([7, 5, 99, 0]))
    found = top_k_accuracy(lists, np.array([4, 9]), test)
    assert found == {"top-1": 0.25, "top-5": 0.5, "top-10": 0.5, "top-50": 0.75, "top-100": 0.75}


def test_removed_items_make_room() -> None:
    """Later items move up; the list is padded at its end."""
    lists = np.array([[5, 4, 3, 2], [1, 2, 3, -1]])
    left = without(lists, [np.array([5, 3]), np.array([], int)])
    assert left.tolist() == [[4, 2, -1, -1], [1, 2, 3, -1]]


def asking_for(recipe: Recipe, candidates: int) -> Recipe:
    serving = recipe.serving.model_copy(update={"candidates": candidates})
    return recipe.model_copy(update={"serving": serving})


@pytest.fixture(scope="module")
def data(trained: Trained) -> PreparedData:
    return PreparedData(trained[1].prepared)


@pytest.fixture(scope="module")
def measured(
    trained: Trained, data: PreparedData
) -> tuple[dict[str, Table], np.ndarray, np.ndarray]:
    """The tables by title, every user's query vector, and every user's whole served list."""
    recipe, artifacts = asking_for(trained[0], max(KS)), trained[1]
    with served_in_process(recipe, artifacts) as plan:
        tables = measure("top-k-accuracy", recipe, artifacts, data, plan)
        queries = plan.run(plan.columns(plan.request(data.raw_user_ids)))["query"]
        served = plan.trace(data.raw_user_ids, top_k=max(KS)).item_rows
    return {table.title: table for table in tables}, queries, served


@pytest.mark.parametrize("removed", [False, True])
def test_retrieval_is_as_accurate_as_brute_force_says(
    trained: Trained,
    data: PreparedData,
    measured: tuple[dict[str, Table], np.ndarray, np.ndarray],
    removed: bool,
) -> None:
    """A hit has fewer than k items above it; training and validation items compete only if not removed."""
    tables, queries, _ = measured
    embedded = pq.read_table(trained[1].models.item_embeddings)["embedding"]
    scores = queries @ np.stack(embedded.to_numpy()).T
    visible, test = (
        data.interactions("train") + data.interactions("valid"),
        data.interactions("test"),
    )
    if removed:
        scores[visible.users, visible.items] = -np.inf
    better = (scores[test.users] > scores[test.users, test.items][:, None]).sum(axis=1)
    expected = {f"top-{k}": (better < k).mean() for k in KS}
    table = tables[f"Top-k accuracy, {'training items' if removed else 'nothing'} removed"]
    assert table.rows[EXACT] == pytest.approx(expected)
    # The approximate search reaches all of so few items.
    assert table.rows[NEARLY] == pytest.approx(expected)
    assert 0 < expected["top-1"] < expected["top-10"] <= 1


def test_the_funnel_is_measured_by_what_it_serves(
    data: PreparedData, measured: tuple[dict[str, Table], np.ndarray, np.ndarray]
) -> None:
    """Ranked, and without a user's seen items."""
    tables, _, served = measured
    test = data.interactions("test")
    place = [
        np.flatnonzero(served[user] == item)
        for user, item in zip(test.users, test.items, strict=True)
    ]
    expected = {f"top-{k}": np.mean([len(at) > 0 and at[0] < k for at in place]) for k in KS}
    table = tables["Top-k accuracy, training items removed"]
    assert table.rows[FUNNEL] == pytest.approx(expected)
    assert table.rows[FUNNEL] != table.rows[EXACT]


def test_too_few_candidates_are_refused(trained: Trained, data: PreparedData) -> None:
    """A funnel that ranks 20 has no top 100; the message says what to raise."""
    recipe, artifacts = asking_for(trained[0], 20), trained[1]
    with (
        served_in_process(recipe, artifacts) as plan,
        pytest.raises(ShortlistError, match="candidates of at least 100"),
    ):
        measure("top-k-accuracy", recipe, artifacts, data, plan)
