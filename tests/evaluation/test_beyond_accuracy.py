"""Coverage, novelty, diversity and popularity of lists against values computed by hand."""

import math

import numpy as np
import pytest

from evaluation import beyond_accuracy
from evaluation.beyond_accuracy import Catalogue
from models.prepared import Interactions

#: Users 0..2 took items {0, 1}, {0, 1, 2}, {0}; nobody took item 3, user 3 took nothing.
TAKEN = np.array([[1, 1, 0, 0], [1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
TRAINING = Interactions(*np.nonzero(TAKEN))
#: Items have 3, 2, 1 and 0 users: the middles of the top, third, second and bottom quarter.
PERCENTILE = [0.875, 0.625, 0.375, 0.125]


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue.of(TRAINING, 4, 4)


def test_coverage_is_the_share_of_items_in_any_list(catalogue: Catalogue) -> None:
    """Items 0 and 2 of four; a tail of -1 is no item."""
    assert catalogue.coverage(np.array([[0, 2], [0, -1]])) == 0.5


def test_novelty_is_the_mean_surprise_of_an_item(catalogue: Catalogue) -> None:
    """Of four users item 0 has three: log2(5 / 4) bits; item 3 has none: log2(5)."""
    assert catalogue.novelty(np.array([[0]])) == pytest.approx(math.log2(5 / 4))
    assert catalogue.novelty(np.array([[0, 3]])) == pytest.approx(
        math.log2(5 / 4) / 2 + math.log2(5) / 2
    )
    # Lists weigh the same, however long; an empty one does not count.
    found = catalogue.novelty(np.array([[3, 3], [0, -1], [-1, -1]]))
    assert found == pytest.approx((math.log2(5) + math.log2(5 / 4)) / 2)


def test_diversity_is_the_mean_distance_of_a_lists_pairs(catalogue: Catalogue) -> None:
    """Cosine of 0 and 1: 2 / sqrt(3 * 2); of 0 and 2: 1 / sqrt(3); of 1 and 2: 1 / sqrt(2)."""
    cosines = [2 / math.sqrt(6), 1 / math.sqrt(3), 1 / math.sqrt(2)]
    assert catalogue.diversity(np.array([[1, 0]])) == pytest.approx(1 - cosines[0])
    assert catalogue.diversity(np.array([[2, 0, 1]])) == pytest.approx(1 - sum(cosines) / 3)
    # An item without users is similar to none.
    assert catalogue.diversity(np.array([[3, 0]])) == 1.0


def test_lists_of_fewer_than_two_items_have_no_diversity(catalogue: Catalogue) -> None:
    """They are left out of the mean; without any others there is no figure."""
    mixed = np.array([[1, 0], [2, -1], [-1, -1]])
    assert catalogue.diversity(mixed) == pytest.approx(1 - 2 / math.sqrt(6))
    assert catalogue.diversity(np.array([[2, -1]])) is None
    assert catalogue.diversity(np.array([[2]])) is None


def test_pairs_in_slices_are_the_same(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One pair at a time gives the same as all at once."""
    lists = np.array([[2, 0, 1], [3, 1, 0], [0, 1, -1]])
    together = catalogue.diversity(lists)
    monkeypatch.setattr(beyond_accuracy, "PAIRS", 1)
    assert catalogue.diversity(lists) == together


def test_popularity_lift_compares_each_user_with_themselves(catalogue: Catalogue) -> None:
    """User 0's items have a mean percentile of 0.75, user 2's only item 0.875."""
    np.testing.assert_allclose(catalogue.percentile, PERCENTILE)
    lists = np.array([[2, -1], [1, 3]])
    expected = ((0.375 - 0.75) + ((0.625 + 0.125) / 2 - 0.875)) / 2
    assert catalogue.popularity_lift(lists, np.array([0, 2])) == pytest.approx(expected)


def test_users_without_a_past_have_no_taste_to_compare_with(catalogue: Catalogue) -> None:
    """User 3 took nothing and is left out; for user 3 alone there is no figure."""
    both = catalogue.popularity_lift(np.array([[2], [0]]), np.array([0, 3]))
    assert both == pytest.approx(0.375 - 0.75)
    assert catalogue.popularity_lift(np.array([[0]]), np.array([3])) is None


def test_gini_runs_from_all_alike_to_always_the_same(catalogue: Catalogue) -> None:
    """Each item once: 0; one item for all: 1; 0, 0, 1 and 3 times: (1 * 1 + 3 * 3) / (3 * 4)."""
    assert catalogue.gini(np.array([[0, 1], [2, 3]])) == 0.0
    assert catalogue.gini(np.array([[2], [2]])) == pytest.approx(1.0)
    assert catalogue.gini(np.array([[2, -1], [1, 2], [2, -1]])) == pytest.approx(10 / 12)


def test_popular_lists_for_all_are_worse_in_every_figure(catalogue: Catalogue) -> None:
    """The same two popular items for everybody, against lists that cover the catalogue."""
    users = np.arange(3)
    same = catalogue.figures(np.array([[0, 1]] * 3), users, 2)
    varied = catalogue.figures(np.array([[0, 3], [1, 2], [2, 3]]), users, 2)
    for name in ("coverage@2", "novelty@2", "diversity@2"):
        assert varied[name] > same[name]  # type: ignore[operator]
    for name in ("popularity_lift@2", "gini@2"):
        assert varied[name] < same[name]  # type: ignore[operator]


def test_figures_look_no_deeper_than_k(catalogue: Catalogue) -> None:
    """Items after the first k change nothing; a single item has no diversity."""
    users = np.arange(2)
    deep = catalogue.figures(np.array([[0, 3], [1, 2]]), users, 1)
    assert deep == catalogue.figures(np.array([[0], [1]]), users, 1)
    assert deep["diversity@1"] is None


def test_a_pair_that_occurs_twice_counts_once(catalogue: Catalogue) -> None:
    """A user who returns to an item makes it no more popular."""
    twice = Catalogue.of(TRAINING + TRAINING, 4, 4)
    lists = np.array([[0, 1, 2, 3]] * 4)
    assert twice.figures(lists, np.arange(4), 4) == catalogue.figures(lists, np.arange(4), 4)
