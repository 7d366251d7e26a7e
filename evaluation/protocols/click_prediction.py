"""How well served scores separate positives from other test interactions: AUC and log loss.

Over all pairs, regardless of their user, as is usual for click-through models.
"""

import numpy as np

from evaluation.protocols import Table
from metrics import classification
from models.prepared import PreparedData
from recipes.schema.recipe import Recipe
from runtime.plan import Plan
from stages.artifacts import Artifacts
from stages.errors import ShortlistError

#: At most this many test interactions are used, drawn with the split's seed.
INTERACTIONS = 100_000


def measure(
    recipe: Recipe,
    artifacts: Artifacts,
    data: PreparedData,
    plan: Plan,
) -> list[Table]:
    """Return AUC and log loss of the served ranker, and of always predicting the share of positives.

    Raises:
        ShortlistError: the ranker does not predict the probability of a positive, or the test part has
            only positives, or none.
    """
    test = data.labelled("test")
    chosen = np.random.default_rng(recipe.split.seed).permutation(len(test))[:INTERACTIONS]
    positive = test.positive[chosen]
    predicts = recipe.ranks and recipe.ranker.target == "positives"
    if not predicts or positive.all() or not positive.any():
        raise ShortlistError(
            "expected ranker.target = 'positives' and a test part with positives and others for the "
            f"protocol 'click-prediction', got '{recipe.name}', which lacks one of them. Remove the "
            "protocol from evaluation.protocols."
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
