"""How well the served scores tell positives from other interactions of the test part: AUC and log loss.

Over all pairs, whosever they are, as click-through models are measured.
"""

import numpy as np

from evaluation.protocols import Table
from metrics import classification
from models.prepared import PreparedData
from recipes.schema.recipe import Recipe
from runtime.plan import Plan
from stages.artifacts import Artifacts
from stages.errors import ShortlistError

#: Test interactions that are looked at, at most; drawn with the split's seed.
INTERACTIONS = 100_000


def measure(
    recipe: Recipe,
    artifacts: Artifacts,
    data: PreparedData,
    plan: Plan,
) -> list[Table]:
    """AUC and log loss of the ranker as served, and log loss of always answering the share of positives.

    Raises:
        ShortlistError: the ranker predicts no probability of a positive, or the test part has positives
            only, or none.
    """
    test = data.labelled("test")
    chosen = np.random.default_rng(recipe.split.seed).permutation(len(test))[:INTERACTIONS]
    positive = test.positive[chosen]
    predicts = recipe.ranks and recipe.ranker.target == "positives"
    if not predicts or positive.all() or not positive.any():
        raise ShortlistError(
            "the protocol 'click-prediction' needs ranker.target = 'positives' and a test part with "
            f"positives and others, and '{recipe.name}' lacks one of them. Leave it out of "
            "evaluation.protocols."
        )
    users, items = data.raw_user_ids, data.raw_item_ids
    scores = plan.score(
        [users[row] for row in test.users[chosen]], [items[row] for row in test.items[chosen]]
    )
    training = data.labelled("train", "valid")
    share = np.full(len(chosen), training.positive.mean())
    rows = {
        "share of positives": {"auc": 0.5, "log_loss": classification.log_loss(share, positive)},
        "ranker, as served": {
            "auc": classification.auc(scores, positive),
            "log_loss": classification.log_loss(scores, positive),
        },
    }
    return [Table(f"Clicks of {len(chosen):,} test interactions", ("auc", "log_loss"), rows)]
