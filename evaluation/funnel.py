"""Evaluate the whole funnel as served, on the users of the test part: what each stage kept."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.baselines.in_report import simple_lists
from evaluation.beyond_accuracy import Catalogue
from evaluation.generators import BLEND, generator_lists
from evaluation.levels import Level
from evaluation.protocols import Table, measure
from evaluation.stages import Passage, kept, passage
from evaluation.traces import traced
from evaluation.user_groups import Group, by_history
from evaluation.verdict import FUNNEL, Baselines, verdict
from metrics import classification, ranking
from models.hidden_items import hidden_items
from models.prepared import Interactions, PreparedData
from recipes.schema.rankers import NoRanker
from recipes.schema.recipe import Recipe
from runtime.candidates.exclusion import ALL
from runtime.plan import Plan, Trace
from runtime.rules.declared import NO_RULES
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from stages.log import logger

log = logger(__name__)

#: Assembles the funnel of a recipe in this process (``ensemble.in_process``).
Served = Callable[[Recipe, Artifacts], AbstractContextManager[Plan]]


#: Name in reports of the funnel without the recipe's business rules.
WITHOUT_RULES = "funnel without rules"


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    ``systems``: metric@k by system. ``stages``: mean share of relevant items left after each stage.
    ``ranker``: AUC and log loss over the candidates. ``users``: number of users evaluated. ``protocols``:
    the tables of the recipe's further protocols. ``seeds``: of the split and the models.
    ``beyond_accuracy``: figures by system that need no relevant items. ``groups``: metric@k for thirds of
    the users. ``passage``: the funnel stage by stage. ``baselines``: the funnel against simple methods, and
    ``verdict``: the same in a sentence.
    """

    systems: dict[str, dict[str, float]]
    stages: dict[str, float]
    ranker: dict[str, float | None]
    users: int
    protocols: list[Table]
    seeds: dict[str, int]
    beyond_accuracy: dict[str, dict[str, float | None]]
    groups: list[Group]
    passage: Passage
    baselines: Baselines
    verdict: str


def evaluate_funnel(
    recipe: Recipe, artifacts: Artifacts, served: Served, baselines: Level
) -> Evaluation:
    """Run the funnel that ``served`` assembles for users with relevant items in ``test``.

    The feature store holds the training part: which of its items are removed from every list,
    ``serving.exclude`` says. Without a retriever or a ranker, retrieval and the whole funnel are the same. If
    the recipe has business rules, the figures of the stages and of the ranker are without them, and so is the
    system ``funnel without rules``.

    Raises:
        ShortlistError: a part is missing, or no user has relevant items.
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
            f"{recipe.split.for_more_tests} in the recipe and run: shortlist prepare {recipe.given_as}"
        )
    relevant = [np.unique(wanted[row]) for row in users]
    seen = data.seen_beside(visible, Interactions.none())
    hidden = hidden_items(seen, recipe.serving.exclude, users)
    histories = np.bincount(visible.users, minlength=data.user_count)[users]
    deepest = max(recipe.evaluation.k)
    log.info(f"evaluating: the funnel, for {len(users):,} users")
    with served(recipe, artifacts) as plan:
        asked = [data.raw_user_ids[row] for row in users]
        trace = without_rules = traced(plan, asked, top_k=deepest)
        if recipe.serving.rules:
            without_rules = traced(plan, asked, top_k=deepest, rules=NO_RULES)
        protocols = [
            table
            for name in recipe.evaluation.protocols
            for table in measure(name, recipe, artifacts, data, plan)
        ]

    simple, skipped = simple_lists(
        baselines,
        visible,
        data.user_count,
        data.item_count,
        users,
        hidden,
        deepest,
        timed=recipe.columns.timestamp is not None,
        own_items=recipe.serving.exclude != ALL,
    )
    lists = dict(simple)
    two_stages = recipe.retrieves and recipe.ranks
    if two_stages:
        lists |= generator_lists(without_rules, plan.generators, deepest)
    if recipe.serving.rules:
        lists[WITHOUT_RULES] = without_rules.item_rows
    lists[FUNNEL] = trace.item_rows
    log.info(f"evaluating: the figures of {len(lists)} systems")
    ks = recipe.evaluation.k
    systems = {name: ranking.at_each_k(ranked, relevant, ks) for name, ranked in lists.items()}
    compared = Baselines.compared(baselines, simple, trace.item_rows, relevant, ks[0], skipped)
    catalogue = Catalogue.of(visible, data.user_count, data.item_count)
    return Evaluation(
        systems=systems,
        stages=kept(without_rules, relevant, deepest),
        ranker=_ranker_figures(recipe.ranker, without_rules, relevant),
        users=len(users),
        protocols=protocols,
        seeds={"split": recipe.split.seed}
        | ({"retriever": recipe.retriever.seed} if recipe.retrieves else {})
        | ({"ranker": recipe.ranker.seed} if recipe.ranks and recipe.joint is None else {}),
        beyond_accuracy={
            name: {
                figure: value
                for k in ks
                for figure, value in catalogue.figures(ranked, users, k).items()
            }
            for name, ranked in lists.items()
        },
        groups=by_history(lists, relevant, histories, ks),
        passage=passage(
            without_rules,
            relevant,
            deepest,
            data.item_count,
            unranked=lists.get(BLEND, without_rules.candidate_rows) if two_stages else None,
        ),
        baselines=compared,
        verdict=verdict(compared, recipe, systems, len(visible) / data.user_count),
    )


def _ranker_figures(
    ranker: Any, trace: Trace, relevant: list[np.ndarray]
) -> dict[str, float | None]:
    """Return AUC and log loss of the ranker's scores.

    Both are None without a ranker. AUC is None if candidates are all relevant or all irrelevant; log loss
    is None if the score is not a probability.
    """
    if isinstance(ranker, NoRanker):
        return {"auc": None, "log_loss": None}
    rows, scores = trace.candidate_rows, trace.ranker_scores
    labels = ranking.hits(rows, relevant, rows.shape[1])
    real = rows >= 0
    shown, chosen = scores[real], labels[real]
    both = bool(chosen.any() and not chosen.all())
    return {
        "auc": classification.auc(shown, chosen) if both else None,
        "log_loss": classification.log_loss(shown, chosen)
        if len(chosen) and ranker.target != "label"
        else None,
    }
