"""Each test positive against 1,000 random items: average recall@k, the metric of the songs sample.

A test positive is found at k if fewer than k of the drawn items score as high or higher; ties count
against it. Drawn items are never positives of the user. The figures are far above those over the whole
catalogue, and can order systems differently (Krichene & Rendle, "On sampled metrics for item
recommendation", KDD 2020): compare them only with figures of the same protocol. The report also has the
table over the whole catalogue.
"""

import numpy as np

from evaluation.protocols import Table
from models.prepared import PreparedData
from recipes.schema.recipe import Recipe
from runtime.plan import Plan
from stages.artifacts import Artifacts
from stages.errors import ShortlistError

KS = (1, 5, 10, 50, 100)
COLUMNS = tuple(f"recall@{k}" for k in KS)
DRAWN = 1000
#: At most this many test positives are used, drawn with the split's seed; and per request.
POSITIVES, AT_ONCE = 10_000, 16


def measure(
    recipe: Recipe,
    artifacts: Artifacts,
    data: PreparedData,
    plan: Plan,
) -> list[Table]:
    """Return average recall@k of popularity, and of the served scores of retrieval and funnel.

    Raises:
        ShortlistError: a request cannot score as many candidates as the protocol needs.
    """
    if recipe.serving.candidates < DRAWN + 1:
        raise ShortlistError(
            f"expected serving.candidates of at least {DRAWN + 1:,}, the number of items that the "
            "protocol 'sampled-negatives' scores for a user at once, got "
            f"{recipe.serving.candidates:,}. Raise it, or remove the protocol from "
            "evaluation.protocols."
        )
    random = np.random.default_rng(recipe.split.seed)
    test = data.interactions("test")
    visible = data.interactions("train", "valid")
    mine = (visible + test).by_user(data.user_count)
    chosen = random.permutation(len(test))[:POSITIVES]
    popularity = np.bincount(visible.items, minlength=data.item_count)
    raw_items = np.array(data.raw_item_ids, dtype=object)
    ranks: dict[str, list[int]] = {"popularity": [], "retrieval": [], "funnel": []}
    for start in range(0, len(chosen), AT_ONCE):
        users, items = (of[chosen[start : start + AT_ONCE]] for of in (test.users, test.items))
        shown = [
            np.concatenate([[item], drawn_items(random, data.item_count, mine[user])])
            for user, item in zip(users, items, strict=True)
        ]
        asked = plan.request(
            [data.raw_user_ids[user] for user in users],
            candidate_item_ids=[raw_items[rows].tolist() for rows in shown],
        )
        columns = plan.run(plan.columns(asked))
        for place, rows in enumerate(shown):
            for name, scores in (
                ("popularity", popularity[rows]),
                ("retrieval", columns["candidate.retrieval_score"][place, : len(rows)]),
                ("funnel", columns["ranker_scores"][place, : len(rows)]),
            ):
                ranks[name].append(int((scores[1:] >= scores[0]).sum()))
    if not recipe.ranks or not recipe.retrieves:
        del ranks["retrieval"]
    rows_of = {
        name: {f"recall@{k}": float(np.mean(np.array(places) < k)) for k in KS}
        for name, places in ranks.items()
    }
    title = f"each of {len(chosen):,} test positives against up to {DRAWN:,} random items"
    return [Table(f"Average recall, {title}", COLUMNS, rows_of)]


def drawn_items(random: np.random.Generator, items: int, mine: np.ndarray) -> np.ndarray:
    """Draw up to ``DRAWN`` different item rows, int64, none of them in ``mine``."""
    # Extra draws make up for those in `mine`.
    drawn = random.choice(items, min(DRAWN + len(mine), items), replace=False)
    return drawn[~np.isin(drawn, mine)][:DRAWN]
