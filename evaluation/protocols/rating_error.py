"""The error of served scores as predictions of the test part's labels, pair by pair.

Two baselines are given for comparison: the mean label of the training part, and that mean with a damped
offset for each user and each item (Koren, "Factor in the neighbors", TKDD 2010, section 2.1).
"""

import numpy as np

from evaluation.protocols import Table
from metrics.rating import METRICS
from models.prepared import Labelled, PreparedData
from recipes.schema.recipe import Recipe
from runtime.plan import Plan
from stages.artifacts import Artifacts
from stages.errors import ShortlistError

COLUMNS = tuple(METRICS)
#: Pseudo-labels at 0 that damp the offset of an item, and of a user.
ITEM_DAMPING, USER_DAMPING = 25, 10


def measure(
    recipe: Recipe,
    artifacts: Artifacts,
    data: PreparedData,
    plan: Plan,
) -> list[Table]:
    """Return RMSE, MAE, R squared and explained variance over the test part's interactions.

    Raises:
        ShortlistError: the recipe's ranker does not predict the label.
    """
    if not recipe.ranks or recipe.ranker.target != "label":
        raise ShortlistError(
            "expected a ranker that predicts the label (ranker.target = 'label') for the protocol "
            f"'rating-error', got none in '{recipe.name}'. Remove the protocol from evaluation.protocols."
        )
    test = data.labelled("test")
    training = data.labelled("train", "valid")
    users, items = data.raw_user_ids, data.raw_item_ids
    scores = plan.score([users[row] for row in test.users], [items[row] for row in test.items])
    predictions = {
        "mean label": np.full(len(test), training.label.mean()),
        "mean, user and item offsets": offsets(training, test, data.user_count, data.item_count),
        "funnel, as served": scores,
    }
    rows = {name: figures(predicted, test.label) for name, predicted in predictions.items()}
    return [Table(f"Predicted labels of {len(test):,} test interactions", COLUMNS, rows)]


def figures(predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Compute every metric that is defined; constant labels have no variance to explain."""
    found = {metric: function(predicted, true) for metric, function in METRICS.items()}
    return {metric: value for metric, value in found.items() if not np.isnan(value)}


def offsets(training: Labelled, test: Labelled, users: int, items: int) -> np.ndarray:
    """Return float64 [test]: the mean label plus the offset of the item, then that of the user."""
    mean = float(training.label.mean())
    of_item = _damped(training.items, training.label - mean, items, ITEM_DAMPING)
    rest = training.label - mean - of_item[training.items]
    of_user = _damped(training.users, rest, users, USER_DAMPING)
    return mean + of_item[test.items] + of_user[test.users]


def _damped(rows: np.ndarray, values: np.ndarray, count: int, damping: int) -> np.ndarray:
    sums = np.bincount(rows, weights=values, minlength=count)
    return sums / (np.bincount(rows, minlength=count) + damping)
