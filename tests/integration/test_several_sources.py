"""A funnel of several generators and a listwise ranker: trained, evaluated, and served by a real Triton."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from ensemble.in_process import served_in_process
from ensemble.releases.export import export
from ensemble.triton.client import Client
from ensemble.triton.server import running_server
from evaluation.evaluate import evaluate
from evaluation.report import read_report
from metrics import ranking
from models.prepared import PreparedData
from models.train import train
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from tests.integration.both_ways import both_ways
from tests.models import shop

NUMBERS = [
    f"{name}{ending}"
    for name in ("retrieval_score", "linear", "als", "cooccurrence")
    for ending in ("", "_zscore")
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Artifacts]:
    folder = tmp_path_factory.mktemp("several")
    shop.write_files(folder)
    recipe = shop.recipe(
        folder,
        retriever={"kind": "masked-softmax", "members": 2, "max_epochs": 4, "patience": 0},
        ranker={"loss": "listwise", "folds": 1, "features": NUMBERS, "blend": 0.3, "batch_size": 8},
        serving={"candidates": 12, "generators": ["two-tower", "linear", "als", "popularity"]},
    )
    artifacts = shop.prepared(folder, recipe)
    train(recipe, artifacts, force=False)
    evaluate(recipe, artifacts, served_in_process, baselines="none")
    export(recipe, artifacts, force=False)
    return recipe, artifacts


@pytest.fixture(scope="module")
def client(made: tuple[Recipe, Artifacts]) -> Iterator[Client]:
    with (
        running_server(made[1], made[0].name) as server,
        Client(server.address.grpc) as client,
    ):
        yield client


def test_triton_answers_what_was_evaluated(made: tuple[Recipe, Artifacts], client: Client) -> None:
    """The report's figures are those of the server's answers, item by item."""
    recipe, artifacts = made
    data = PreparedData(artifacts.prepared)
    wanted = data.interactions("test").by_user(data.user_count)
    users = [row for row, items in enumerate(wanted) if len(items)]
    asked = [data.raw_user_ids[row] for row in users]
    answers = client.recommend(asked, top_k=10).item_ids
    with served_in_process(recipe, artifacts) as plan:
        rows = plan.trace(asked, top_k=10).item_rows
    ids = np.array([*data.raw_item_ids, ""], object)
    assert answers.tolist() == ids[rows].tolist()
    figures = ranking.means(rows, [np.unique(wanted[row]) for row in users], 10)
    report = read_report(artifacts.report)["systems"]
    for name, figure in figures.items():
        assert report["funnel"][f"{name}@10"] == pytest.approx(figure)
    assert list(report) == [
        *("popularity", "retrieval", "linear generator", "als generator", "blend", "funnel")
    ]


def test_each_answer_says_which_sources_had_it(client: Client) -> None:
    """A user with a history gets items that several generators returned; their ranks there start at 1."""
    [story] = client.recommend(["c7"], explain=True).explanations
    assert story is not None
    generators = [item["generators"] for item in story["items"]]
    assert {name for each in generators for name in each} >= {"two-tower", "linear", "als"}
    assert all(facts["rank"] >= 1 for each in generators for facts in each.values())
    assert any(len(each) > 1 for each in generators)


def test_somebody_unknown_gets_what_is_popular(
    made: tuple[Recipe, Artifacts], client: Client
) -> None:
    """Only the two-tower model and popularity return anything, and the most popular item is included."""
    found = client.recommend(["nobody"], top_k=12, explain=True)
    [story] = found.explanations
    assert story is not None
    assert {name for each in story["items"] for name in each["generators"]} == {
        "two-tower",
        "popularity",
    }
    data = PreparedData(made[1].prepared)
    counts = np.bincount(data.interactions("train", "valid").items)
    assert data.raw_item_ids[int(counts.argmax())] in found.item_ids[0]


def test_training_and_service_compute_the_same_numbers(made: tuple[Recipe, Artifacts]) -> None:
    """Every user's candidates, their order and all ranker features equal those of the served plan."""
    recipe, artifacts = made
    ways = both_ways(recipe, artifacts)
    for place, user in enumerate(ways.users):
        mine = ways.trained.of_users(np.array([user])).columns
        found = ways.served["candidate_rows"][place]
        real = found >= 0
        assert mine["product"].tolist() == ways.codes(found[real])
        for name in NUMBERS:
            theirs = ways.served[f"candidate.{name}"][place][real]
            np.testing.assert_allclose(mine[name], theirs, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ({"serving": {"generators": ["linear"]}}, "expected 'two-tower' and no generator twice"),
        ({"ranker": {"folds": 1}}, "retriever.kind 'masked-softmax'"),
        (
            {"ranker": {"loss": "listwise", "target": "label"}},
            "expected `loss` only with target = 'candidates'",
        ),
        ({"ranker": {"features": ["linaer"]}}, "did you mean 'linear'"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    tmp_path: Path, tables: dict[str, dict[str, object]], message: str
) -> None:
    """Before any work, with what was expected."""
    with pytest.raises(ValueError, match=message):
        shop.recipe(tmp_path, **tables)
