"""iALS and BPR from the package implicit."""

import numpy as np

from evaluation.baselines.bpr import BPR
from evaluation.baselines.ials import IALS
from models.item_models.als import factors, folding
from models.prepared import Interactions
from recipes.schema.item_models import Als
from runtime.candidates.generators import fold_in

TAKEN = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 1, 1], [0, 0, 1, 1]])
TRAINING = Interactions(*np.nonzero(TAKEN))


def test_ials_solves_its_weighted_least_squares() -> None:
    """After many rounds each item's factors are the weighted ridge regression on the users' factors.

    An observed pair weighs `confidence`, any other 1; the penalty is the same for all.
    """
    baseline = IALS(dim=2, penalty=0.5, confidence=3.0, iterations=300)
    fitted = baseline.fit(TRAINING, 4, 4, 1)
    for item in range(4):
        weight = np.where(TAKEN[:, item], 3.0, 1.0)
        gram = fitted.users.T @ (weight[:, None] * fitted.users) + 0.5 * np.eye(2)
        expected = np.linalg.solve(gram, fitted.users.T @ (weight * TAKEN[:, item]))
        np.testing.assert_allclose(fitted.items[item], expected, atol=1e-3)


def test_the_correction_adds_the_logarithm_of_how_often_an_item_occurs() -> None:
    """Items occur 3, 2, 3 and 2 times; everything else is the same as without it."""
    plain, corrected = (
        BPR(dim=2, epochs=3, correction=times).fit(TRAINING, 4, 4, 1).scores(np.arange(4))
        for times in (0.0, 2.0)
    )
    added = 2 * np.log(np.array([4, 3, 4, 3]))
    np.testing.assert_allclose(corrected - plain, np.tile(added, (4, 1)), atol=1e-5)


def test_a_user_is_folded_in_as_trained() -> None:
    """At the fixed point, folding in a user's items gives the trained factors, up to a constant."""
    options = Als(dim=2, penalty=0.5, confidence=3.0, iterations=300)
    users, items = factors(TRAINING, 4, 4, 1, options)
    for user in range(4):
        folded = fold_in(items, folding(items, options), np.flatnonzero(TAKEN[user]))
        # The equation is divided by confidence - 1, but its right side has 1 in place of 3 / 2.
        np.testing.assert_allclose(folded * 3 / 2, users[user], atol=1e-3)
