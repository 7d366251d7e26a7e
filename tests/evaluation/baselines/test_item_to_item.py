"""ItemKNN, EASE and EDLAE against their definitions, computed by hand."""

import numpy as np
import pytest

from evaluation.baselines import item_knn
from evaluation.baselines.ease import EASE
from evaluation.baselines.edlae import EDLAE
from evaluation.baselines.item_knn import ItemKNN, recent
from evaluation.baselines.own_items import OwnItems
from models.item_models.linear import MOST_ITEMS
from models.prepared import Interactions
from stages.errors import ShortlistError
from tests.evaluation.baselines.scored import scores_of

#: Users 0..3 took items {0, 1}, {0, 1, 2}, {0, 2}, {3}.
TAKEN = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 1, 0], [0, 0, 0, 1]])
TRAINING = Interactions(*np.nonzero(TAKEN))
COSINE_01 = 2 / np.sqrt(3 * 2)  # two users of both, three of item 0, two of item 1
COSINE_12 = 1 / np.sqrt(2 * 2)


def test_item_knn_sums_cosines_of_the_users_items() -> None:
    """Without shrinkage, all neighbours: user 0 took 0 and 1, both similar to item 2."""
    fitted = ItemKNN(neighbours=3, shrinkage=0, unit_users=False).fit(TRAINING, 4, 4, 0)
    scores = scores_of(fitted, np.array([0, 3]))
    expected = [[COSINE_01, COSINE_01, COSINE_01 + COSINE_12, 0], [0, 0, 0, 0]]
    np.testing.assert_allclose(scores, expected, rtol=1e-6)


def test_shrinkage_weighs_what_rests_on_few_users_less() -> None:
    """Added to the denominator: 2 / (sqrt(6) + 10) for items 1 and 0."""
    fitted = ItemKNN(neighbours=3, shrinkage=10, unit_users=False).fit(TRAINING, 4, 4, 0)
    scores = scores_of(fitted, np.array([0]))
    assert scores[0, 0] == pytest.approx(2 / (np.sqrt(6) + 10))


def test_a_user_of_unit_length_weighs_one_over_its_items() -> None:
    """Users weigh 1/2, 1/3, 1/2, 1: items 0 and 1 share 5/6, of 4/3 and 5/6; the mean over pairs is 1/2."""
    fitted = ItemKNN(neighbours=3, shrinkage=0).fit(TRAINING, 4, 4, 0)
    taken = scores_of(fitted, np.array([0]))
    assert taken[0, 0] == pytest.approx((5 / 6) / np.sqrt(4 / 3 * 5 / 6))
    fitted = ItemKNN(neighbours=3, shrinkage=10).fit(TRAINING, 4, 4, 0)
    shrunk = scores_of(fitted, np.array([0]))
    assert shrunk[0, 0] == pytest.approx((5 / 6) / (np.sqrt(4 / 3 * 5 / 6) + 10 * 0.5))


def test_only_the_nearest_items_of_an_item_count() -> None:
    """With one neighbour, item 2 keeps item 0 (0.82), and item 1 (0.5) adds nothing."""
    fitted = ItemKNN(neighbours=1, shrinkage=0, unit_users=False).fit(TRAINING, 4, 4, 0)
    scores = scores_of(fitted, np.array([0]))
    assert scores[0, 2] == pytest.approx(COSINE_01)


def test_of_equally_near_items_the_first_row_is_kept() -> None:
    """Items 1 and 2 are equally near to item 0: with one neighbour, item 1 is kept."""
    fitted = ItemKNN(neighbours=1, shrinkage=0, unit_users=False).fit(TRAINING, 4, 4, 0)
    scores = scores_of(fitted, np.array([0, 2]))
    np.testing.assert_allclose(scores[:, 0], [COSINE_01, 0], rtol=1e-6)


def test_slices_of_items_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    """One item at a time gives the similarities of all at once."""
    together = scores_of(ItemKNN(neighbours=2).fit(TRAINING, 4, 4, 0), np.arange(4))
    monkeypatch.setattr(item_knn, "PRODUCTS", 1)
    alone = scores_of(ItemKNN(neighbours=2).fit(TRAINING, 4, 4, 0), np.arange(4))
    assert np.array_equal(alone, together)


def test_older_items_of_a_user_count_less() -> None:
    """User 1 took 2, then 0, then 1, and 2 once more: 2 is the newest, 1 counts 0.7, and 0 0.49.

    Item 3 shares no user with them; user 0, who took 0 first, counts its own order.
    """
    users, items = np.array([0, 1, 1, 0, 1, 1, 2]), np.array([0, 2, 0, 1, 1, 2, 3])
    counts = recent(Interactions(users, items), 3, 4, 0.7).toarray()
    np.testing.assert_allclose(counts[0], [0.7, 1, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(counts[1], [0.49, 0.7, 1, 0], rtol=1e-6)
    np.testing.assert_allclose(counts[2], [0, 0, 0, 1], rtol=1e-6)


def test_recency_weighs_the_similarities_of_the_users_items() -> None:
    """User 0 took 0, then 1: item 2 gets 0.7 of its cosine with 0, and all of that with 1."""
    fitted = ItemKNN(neighbours=3, shrinkage=0, unit_users=False, recency=0.7).fit(
        TRAINING, 4, 4, 0
    )
    assert scores_of(fitted, np.array([0]))[0, 2] == pytest.approx(0.7 * COSINE_01 + COSINE_12)


def test_own_items_count_by_how_often_and_how_lately() -> None:
    """User 0 took 0, 1, 0 with a half-life of one: 0 counts 1 + 1/4, 1 counts 1/2; user 1 took 2 alone."""
    training = Interactions(np.array([0, 0, 1, 0]), np.array([0, 1, 2, 0]))
    scores = scores_of(OwnItems(half_life=1).fit(training, 2, 3, 0), np.arange(2))
    np.testing.assert_allclose(scores, np.array([[1.25, 0.5, 0], [0, 0, 1]]), rtol=1e-6)


def test_ease_is_the_ridge_regression_of_each_item_on_the_others() -> None:
    """Solved item by item with a diagonal of 0, as the paper's constraint requires."""
    penalty, matrix = 2.0, TAKEN.astype(float)
    scores = scores_of(EASE(penalty).fit(TRAINING, 4, 4, 0), np.arange(4))
    for item in range(4):
        others = np.delete(np.arange(4), item)
        gram = matrix[:, others].T @ matrix[:, others] + penalty * np.eye(3)
        weights = np.linalg.solve(gram, matrix[:, others].T @ matrix[:, item])
        np.testing.assert_allclose(scores[:, item], matrix[:, others] @ weights, atol=1e-6)


def test_dropout_penalises_frequent_items_more() -> None:
    """EDLAE with a dropout of 0.5: each item's own count is added to its penalty."""
    penalty, matrix = 2.0, TAKEN.astype(float)
    scores = scores_of(EDLAE(dropout=0.5, penalty=penalty).fit(TRAINING, 4, 4, 0), np.arange(4))
    others = np.array([1, 2, 3])
    gram = matrix[:, others].T @ matrix[:, others] + np.diag(matrix[:, others].sum(0) + penalty)
    weights = np.linalg.solve(gram, matrix[:, others].T @ matrix[:, 0])
    np.testing.assert_allclose(scores[:, 0], matrix[:, others] @ weights, atol=1e-6)


@pytest.mark.parametrize("baseline", [EASE(), EDLAE()])
def test_a_catalogue_too_large_to_invert_is_refused(baseline: EASE | EDLAE) -> None:
    """Before any memory is allocated; the error gives the limit, and what to leave out."""
    with pytest.raises(ShortlistError, match=r"at most 25,000 items .*got 25,001.*--baselines"):
        baseline.fit(TRAINING, 4, MOST_ITEMS + 1, 0)
