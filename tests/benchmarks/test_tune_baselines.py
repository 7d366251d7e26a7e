"""The search for the baselines' settings uses the training part alone."""

import math

import numpy as np

from benchmarks.tune_baselines import SPACES, hold_out, quality, search
from evaluation.baselines.popularity import Popularity
from evaluation.baselines.table import BASELINES
from models.prepared import Interactions

#: Ten users who all took items 0..9, so a tenth of each item is one user.
TRAINING = Interactions(np.repeat(np.arange(10), 10), np.tile(np.arange(10), 10))


def test_a_tenth_of_every_item_is_held_out() -> None:
    """Both parts together are the training part, and another seed holds out others."""
    kept, held = hold_out(TRAINING, 1)
    assert np.bincount(held.items).tolist() == [1] * 10
    pairs = np.concatenate([kept.users * 10 + kept.items, held.users * 10 + held.items])
    assert sorted(pairs) == list(range(100))
    assert not np.array_equal(hold_out(TRAINING, 2)[1].users, held.users)


def test_the_figure_is_that_of_what_was_held_out() -> None:
    """User 0's relevant item 3 comes second of the unseen items: 1 / log2(3)."""
    kept = Interactions(np.array([1, 1, 2, 0]), np.array([2, 3, 2, 0]))
    held = Interactions(np.array([0]), np.array([3]))
    found = quality(Popularity(), kept, held, 3, 4, 1)
    np.testing.assert_allclose(found, 1 / np.log2(3))


def test_every_combination_of_a_space_is_tried() -> None:
    """Each once, and the settings that are not searched keep their defaults."""
    tried = [baseline for _, baseline in search("ItemKNN", TRAINING, 10, 10)]
    assert len(set(tried)) == len(tried) == math.prod(map(len, SPACES["ItemKNN"].values()))


def test_the_defaults_are_of_the_space_that_was_searched() -> None:
    """So the search can have found them, as the docstring states."""
    for name, space in SPACES.items():
        for setting, values in space.items():
            assert getattr(BASELINES[name], setting) in values
