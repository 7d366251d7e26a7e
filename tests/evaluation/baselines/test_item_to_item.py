"""ItemKNN, EASE and EDLAE against their definitions, computed by hand."""

import numpy as np
import pytest

from evaluation.baselines.ease import EASE
from evaluation.baselines.edlae import EDLAE
from evaluation.baselines.item_knn import ItemKNN
from models.item_models.linear import MOST_ITEMS
from models.prepared import Interactions
from stages.errors import ShortlistError

#: Users 0..3 took items {0, 1}, {0, 1, 2}, {0, 2}, {3}.
TAKEN = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 1, 0], [0, 0, 0, 1]])
TRAINING = Interactions(*np.nonzero(TAKEN))
COSINE_01 = 2 / np.sqrt(3 * 2)  # two users of both, three of item 0, two of item 1
COSINE_12 = 1 / np.sqrt(2 * 2)


def test_item_knn_sums_cosines_of_the_users_items() -> None:
    """Without shrinkage, all neighbours: user 0 took 0 and 1, both similar to item 2."""
    scores = (
        ItemKNN(neighbours=3, shrinkage=0, unit_users=False)
        .fit(TRAINING, 4, 4, 0)
        .scores(np.array([0, 3]))
    )
    expected = [[COSINE_01, COSINE_01, COSINE_01 + COSINE_12, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(scores, expected, rtol=1e-6)


def test_shrinkage_weighs_what_rests_on_few_users_less() -> None:
    """Added to the denominator: 2 / (sqrt(6) + 10) for items 1 and 0."""
    scores = (
        ItemKNN(neighbours=3, shrinkage=10, unit_users=False)
        .fit(TRAINING, 4, 4, 0)
        .scores(np.array([0]))
    )
    assert scores[0, 0] == pytest.approx(2 / (np.sqrt(6) + 10))


def test_a_user_of_unit_length_weighs_one_over_its_items() -> None:
    """Users weigh 1/2, 1/3, 1/2, 1: items 0 and 1 share 5/6, of 4/3 and 5/6; the mean over pairs is 1/2."""
    taken = ItemKNN(neighbours=3, shrinkage=0).fit(TRAINING, 4, 4, 0).scores(np.array([0]))
    assert taken[0, 0] == pytest.approx((5 / 6) / np.sqrt(4 / 3 * 5 / 6))
    shrunk = ItemKNN(neighbours=3, shrinkage=10).fit(TRAINING, 4, 4, 0).scores(np.array([0]))
    assert shrunk[0, 0] == pytest.approx((5 / 6) / (np.sqrt(4 / 3 * 5 / 6) + 10 * 0.5))


def test_only_the_nearest_items_of_an_item_count() -> None:
    """With one neighbour, item 2 keeps item 0 (0.82), and item 1 (0.5) adds nothing."""
    scores = (
        ItemKNN(neighbours=1, shrinkage=0, unit_users=False)
        .fit(TRAINING, 4, 4, 0)
        .scores(np.array([0]))
    )
    assert scores[0, 2] == pytest.approx(COSINE_01)


def test_of_equally_near_items_the_first_row_is_kept() -> None:
    """Items 1 and 2 are equally near to item 0: with one neighbour, item 1 is kept."""
    scores = (
        ItemKNN(neighbours=1, shrinkage=0, unit_users=False)
        .fit(TRAINING, 4, 4, 0)
        .scores(np.array([0, 2]))
    )
    np.testing.assert_allclose(scores[:, 0], [COSINE_01, 0], rtol=1e-6)


def test_ease_is_the_ridge_regression_of_each_item_on_the_others() -> None:
    """Solved item by item with a diagonal of 0, as the paper's constraint requires."""
    penalty, matrix = 2.0, TAKEN.astype(float)
    scores = EASE(penalty).fit(TRAINING, 4, 4, 0).scores(np.arange(4))
    for item in range(4):
        others = np.delete(np.arange(4), item)
        gram = matrix[:, others].T @ matrix[:, others] + penalty * np.eye(3)
        weights = np.linalg.solve(gram, matrix[:, others].T @ matrix[:, item])
        np.testing.assert_allclose(scores[:, item], matrix[:, others] @ weights, atol=1e-6)


def test_dropout_penalises_frequent_items_more() -> None:
    """EDLAE with a dropout of 0.5: each item's own count is added to its penalty."""
    penalty, matrix = 2.0, TAKEN.astype(float)
    scores = EDLAE(dropout=0.5, penalty=penalty).fit(TRAINING, 4, 4, 0).scores(np.arange(4))
    others = np.array([1, 2, 3])
    gram = matrix[:, others].T @ matrix[:, others] + np.diag(matrix[:, others].sum(0) + penalty)
    weights = np.linalg.solve(gram, matrix[:, others].T @ matrix[:, 0])
    np.testing.assert_allclose(scores[:, 0], matrix[:, others] @ weights, atol=1e-6)


@pytest.mark.parametrize("baseline", [EASE(), EDLAE()])
def test_a_catalogue_too_large_to_invert_is_refused(baseline: EASE | EDLAE) -> None:
    """Before any memory is allocated; the error gives the limit, and what to leave out."""
    with pytest.raises(ShortlistError, match=r"at most 25,000 items .*got 25,001.*--baselines"):
        baseline.fit(TRAINING, 4, MOST_ITEMS + 1, 0)
