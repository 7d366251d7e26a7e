"""Every baseline: the same interface, reproducible from a seed, and able to learn."""

import numpy as np
import pytest

from evaluation.baselines.lists import best_unseen
from evaluation.baselines.table import BASELINES
from models.prepared import Interactions
from tests.evaluation.baselines.scored import scores_of

USERS, ITEMS = 60, 40


@pytest.fixture(scope="module")
def training() -> Interactions:
    """Even users take items of the first half, odd ones of the second; a user has 12 of 20."""
    random = np.random.default_rng(3)
    items = [random.permutation(20)[:12] + 20 * (user % 2) for user in range(USERS)]
    return Interactions(np.repeat(np.arange(USERS), 12), np.concatenate(items))


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "popularity"])
def test_a_baseline_learns_the_two_tastes(name: str, training: Interactions) -> None:
    """The eight unseen items of a user's own half come before any of the other half."""
    fitted = BASELINES[name].fit(training, USERS, ITEMS, 1)
    past = training.by_user(USERS)
    lists = best_unseen(fitted, training, ITEMS, np.arange(USERS), past, 8)
    own = lists // 20 == np.arange(USERS)[:, None] % 2
    assert own.mean() > 0.95


@pytest.mark.parametrize("name", BASELINES)
def test_scores_are_of_the_users_asked_for(name: str, training: Interactions) -> None:
    """The scores of some users are their rows of all users' scores, as float32."""
    fitted = BASELINES[name].fit(training, USERS, ITEMS, 1)
    everybody = scores_of(fitted, np.arange(USERS))
    assert everybody.shape == (USERS, ITEMS)
    assert everybody.dtype == np.float32
    chosen = np.array([41, 3])
    np.testing.assert_allclose(scores_of(fitted, chosen), everybody[chosen], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", BASELINES)
def test_a_seed_decides_the_scores(name: str, training: Interactions) -> None:
    """The same seed gives the same bits; another one other scores, if the baseline is seeded."""
    everybody = np.arange(USERS)
    first, again, other = (
        scores_of(BASELINES[name].fit(training, USERS, ITEMS, seed), everybody)
        for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert np.array_equal(first, other) is not BASELINES[name].seeded


@pytest.mark.parametrize("name", [name for name in BASELINES if name not in ("popularity", "BPR")])
def test_a_pair_that_occurs_twice_counts_once(name: str, training: Interactions) -> None:
    """A user who returns to an item is still one user."""
    everybody = np.arange(USERS)
    once = scores_of(BASELINES[name].fit(training, USERS, ITEMS, 1), everybody)
    twice = scores_of(BASELINES[name].fit(training + training, USERS, ITEMS, 1), everybody)
    np.testing.assert_allclose(twice, once, rtol=1e-5, atol=1e-6)
