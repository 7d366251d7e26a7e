"""The whole funnel as it is served, asked for the users of the test part: what each stage kept."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ensemble.assemble import served_in_process
from ensemble.runtime.plan import Trace
from evaluation import metrics
from evaluation.popularity import most_popular
from evaluation.protocols import Table, measure
from models.prepared import PreparedData
from recipes.artifacts import Artifacts
from recipes.errors import ShortlistError
from recipes.models import Ranker
from recipes.recipe import Recipe

Figures = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Evaluation:
    """``systems``: metric@k by system; ``stages``: mean share of relevant items left after each stage;
    ``ranker``: AUC and log loss over the candidates; ``users``: how many were asked for; ``protocols``: the
    tables of the recipe's further protocols."""

    systems: dict[str, dict[str, float]]
    stages: dict[str, float]
    ranker: dict[str, float | None]
    users: int
    protocols: list[Table]


def evaluate_funnel(recipe: Recipe, artifacts: Artifacts, say: Callable[[str], None]) -> Evaluation:
    """Ask the assembled funnel for the users with something relevant in ``test``.

    The feature store holds the training part, so its items are removed from every list. Retrieval and
    whole funnel are one where the recipe has no retriever, or no ranker.

    Raises:
        ShortlistError: a part is missing, or nobody has anything relevant.
    """
    data = PreparedData(artifacts.prepared)
    visible = data.interactions("train", "valid")
    wanted = data.interactions("test").by_user(data.user_count)
    users = np.array([row for row, items in enumerate(wanted) if len(items)], np.int64)
    if recipe.evaluation.users is not None and len(users) > recipe.evaluation.users:
        draw = np.random.default_rng(recipe.split.seed)
        users = np.sort(draw.choice(users, recipe.evaluation.users, replace=False))
    if not len(users):
        raise ShortlistError(
            "expected users with positives in the test part, found none. "
            f"Raise `split.test` in the recipe and run: shortlist prepare {recipe.given_as}"
        )
    relevant = [np.unique(wanted[row]) for row in users]
    seen_by_user = visible.by_user(data.user_count)
    seen = [seen_by_user[row] for row in users]
    deepest = max(recipe.evaluation.k)
    with served_in_process(recipe, artifacts) as plan:
        trace = plan.trace([data.raw_user_ids[row] for row in users], top_k=deepest)
        protocols = [
            table
            for name in recipe.evaluation.protocols
            for table in measure(name, recipe, artifacts, data, plan, say)
        ]

    lists = {"popularity": most_popular(visible, data.item_count, seen, deepest)}
    if recipe.retriever.kind != "none" and recipe.ranker.kind != "none":
        lists["retrieval"] = trace.candidate_rows
    lists["funnel"] = trace.item_rows
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
        ranker=_ranker_figures(recipe.ranker, trace, relevant),
        users=len(users),
        protocols=protocols,
    )


def _kept(rows: np.ndarray, relevant: list[np.ndarray]) -> float:
    """Mean share of a user's relevant items that are in a stage's output."""
    return float(metrics.recall(rows, relevant, rows.shape[1]).mean())


def _ranker_figures(
    ranker: Ranker, trace: Trace, relevant: list[np.ndarray]
) -> dict[str, float | None]:
    """None where there is no ranker, where candidates are all alike and no score could tell them apart, and
    for the log loss of a score that is no probability."""
    if ranker.kind == "none":
        return {"auc": None, "log_loss": None}
    rows, scores = trace.candidate_rows, trace.ranker_scores
    labels = metrics.hits(rows, relevant, rows.shape[1])
    real = rows >= 0
    shown, chosen = scores[real], labels[real]
    both = bool(chosen.any() and not chosen.all())
    return {
        "auc": metrics.auc(shown, chosen) if both else None,
        "log_loss": metrics.log_loss(shown, chosen)
        if len(chosen) and ranker.target != "label"
        else None,
    }
