"""The whole funnel as it is served, asked for the users of the test part: what each stage kept."""

from dataclasses import dataclass

import numpy as np

from ensemble.assemble import served_in_process
from evaluation import metrics
from evaluation.popularity import most_popular
from models.prepared import PreparedData
from recipes.artifacts import Artifacts
from recipes.errors import ShortlistError
from recipes.recipe import Recipe

Figures = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Evaluation:
    """``systems``: metric@k by system; ``stages``: mean share of relevant items left after each stage;
    ``ranker``: AUC and log loss over the candidates; ``users``: how many were asked for."""

    systems: dict[str, dict[str, float]]
    stages: dict[str, float]
    ranker: dict[str, float | None]
    users: int


def evaluate_funnel(recipe: Recipe, artifacts: Artifacts) -> Evaluation:
    """Ask the assembled funnel for every user with something relevant in ``test``.

    The feature store holds the training part, so its items are removed from every list.

    Raises:
        ShortlistError: a part is missing, or nobody has anything relevant.
    """
    data = PreparedData(artifacts.prepared)
    visible = data.interactions("train") + data.interactions("valid")
    wanted = data.interactions("test").by_user(data.user_count)
    users = np.array([row for row, items in enumerate(wanted) if len(items)])
    if not len(users):
        raise ShortlistError(
            "expected users with interactions in the test part, found none. "
            f"Raise `split.test` in the recipe and run: shortlist prepare {recipe.given_as}"
        )
    relevant = [np.unique(wanted[row]) for row in users]
    seen_by_user = visible.by_user(data.user_count)
    seen = [seen_by_user[row] for row in users]
    deepest = max(recipe.evaluation.k)
    with served_in_process(recipe, artifacts) as plan:
        trace = plan.trace([data.raw_user_ids[row] for row in users], top_k=deepest)

    lists = {
        "popularity": most_popular(visible, data.item_count, seen, deepest),
        "retrieval": trace.candidate_rows,
        "funnel": trace.item_rows,
    }
    return Evaluation(
        systems={
            name: {
                f"{metric}@{k}": value
                for k in recipe.evaluation.k
                for metric, value in metrics.means(ranked, relevant, k).items()
            }
            for name, ranked in lists.items()
        },
        stages={
            "retrieved": _kept(trace.retrieved_rows, relevant),
            "filtered": _kept(trace.candidate_rows, relevant),
            f"ordered@{deepest}": _kept(trace.item_rows, relevant),
        },
        ranker=_ranker_figures(trace.candidate_rows, trace.ranker_scores, relevant),
        users=len(users),
    )


def _kept(rows: np.ndarray, relevant: list[np.ndarray]) -> float:
    """Mean share of a user's relevant items that are in a stage's output."""
    return float(metrics.recall(rows, relevant, rows.shape[1]).mean())


def _ranker_figures(
    rows: np.ndarray, scores: np.ndarray, relevant: list[np.ndarray]
) -> dict[str, float | None]:
    """None where the candidates are all alike, and no score could tell them apart."""
    labels = metrics.hits(rows, relevant, rows.shape[1])
    real = rows >= 0
    shown, chosen = scores[real], labels[real]
    both = bool(chosen.any() and not chosen.all())
    return {
        "auc": metrics.auc(shown, chosen) if both else None,
        "log_loss": metrics.log_loss(shown, chosen) if len(chosen) else None,
    }
