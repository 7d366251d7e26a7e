"""The figures that a release is judged by."""

import pytest

from ensemble.releases.figures import figures, loss, main_figure
from recipes.load import load

#: A report with several values under the same figure name.
REPORT = {
    "systems": {
        "popularity": {"ndcg@10": 0.1, "recall@10": 0.1},
        "funnel": {"ndcg@10": 0.4, "recall@10": 0.2},
    },
    "protocols": [
        {"rows": {"mean label": {"rmse": 1.1}, "funnel, as served": {"rmse": 0.9}}},
        {
            "rows": {
                "popularity": {"recall@50": 0.3},
                "funnel": {"recall@10": 0.7, "recall@50": 0.8},
            }
        },
    ],
}


def test_figures_are_those_of_what_is_served() -> None:
    """Baselines are left out, and the whole catalogue overrides a protocol's sample."""
    assert figures({"evaluation": REPORT}) == {
        "ndcg@10": 0.4,
        "recall@10": 0.2,
        "rmse": 0.9,
        "recall@50": 0.8,
    }
    assert figures({"evaluation": None}) == figures({}) == {}


@pytest.mark.parametrize(
    ("recipe", "figure"),
    [
        ("movielens-100k", "ndcg@10"),
        ("songs", "ndcg@10"),
        ("ratings", "rmse"),
        ("anime", "rmse"),
        ("aliccp", "auc"),
    ],
)
def test_the_main_figure_is_what_the_recipe_is_after(recipe: str, figure: str) -> None:
    """RMSE for ratings, AUC for clicks, NDCG for everything else."""
    assert main_figure(load(recipe)) == figure


@pytest.mark.parametrize(
    ("name", "before", "after", "expected"),
    [
        ("ndcg@10", 0.50, 0.45, 0.1),
        ("ndcg@10", 0.45, 0.50, 0.0),
        ("rmse", 0.50, 0.45, 0.0),
        ("rmse", 0.50, 0.55, 0.1),
        ("r2", -0.50, -0.55, 0.1),
        ("ndcg@10", 0.0, 0.0, 0.0),
        ("rmse", 0.0, 0.1, float("inf")),
    ],
)
def test_a_loss_is_relative_and_knows_errors(
    name: str, before: float, after: float, expected: float
) -> None:
    """An error gets worse when it rises, any other figure when it falls, also below zero."""
    assert loss(name, before, after) == pytest.approx(expected)
