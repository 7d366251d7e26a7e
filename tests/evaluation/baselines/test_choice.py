"""Which baselines a report shows, for made-up sizes of data."""

from dataclasses import replace

import numpy as np
import pytest

from evaluation.baselines.choice import RECENCY, Sizes, chosen, seconds
from evaluation.baselines.ials import IALS
from evaluation.baselines.item_knn import ItemKNN
from evaluation.baselines.own_items import OwnItems
from evaluation.levels import Level
from models.prepared import Interactions

GIGABYTES = 10**9
#: About MovieLens-100K.
SMALL = Sizes(users=943, items=1_682, pairs=75_000, products=12_000_000, asked=943, of_asked=75_000)
CLOSED_FORMS = {"EASE", "EDLAE"}


def names(level: Level, sizes: Sizes, memory: int = 8 * GIGABYTES) -> set[str]:
    return set(chosen(level, sizes, timed=True, memory=memory).baselines)


def test_sizes_are_counted() -> None:
    """User 0 has three items, so nine pairs of items; user 1 one; the third has none. Only 0 is asked."""
    training = Interactions(np.array([0, 0, 1, 0]), np.array([0, 1, 1, 2]))
    expected = Sizes(users=3, items=4, pairs=4, products=10, asked=1, of_asked=3)
    assert Sizes.of(training, 3, 4, np.array([0])) == expected


def test_each_level_has_those_of_the_one_before() -> None:
    """On small data nothing is skipped; BPR, which is slow, is only among all."""
    fast = {"ItemKNN", "recency-weighted ItemKNN", "iALS"} | CLOSED_FORMS
    assert names("none", SMALL) == set()
    assert names("fast", SMALL) == fast
    assert names("all", SMALL) == fast | {"BPR"}
    assert chosen("all", SMALL, timed=True, memory=8 * GIGABYTES).skipped == {}


def test_recency_counts_where_there_are_times() -> None:
    """Beside ItemKNN with all items alike; without times, the order of rows says nothing."""
    timed = chosen("fast", SMALL, timed=True, memory=GIGABYTES).baselines
    assert timed["ItemKNN"] == ItemKNN()
    assert timed["recency-weighted ItemKNN"] == ItemKNN(recency=RECENCY)
    untimed = chosen("fast", SMALL, timed=False, memory=GIGABYTES).baselines
    assert [name for name in untimed if "ItemKNN" in name] == ["ItemKNN"]


def test_own_items_are_a_method_where_they_may_be_shown() -> None:
    """Otherwise they are hidden from every list."""
    choice = chosen("fast", SMALL, timed=True, memory=GIGABYTES, own_items=True)
    assert choice.baselines["own items"] == OwnItems()
    assert "own items" not in chosen("fast", SMALL, timed=True, memory=GIGABYTES).baselines


def test_a_large_catalogue_is_not_inverted_fast() -> None:
    """At 6,000 items it is; above, the reason names the number and what to ask for."""
    assert names("fast", replace(SMALL, items=6_000)) >= CLOSED_FORMS
    choice = chosen("fast", replace(SMALL, items=6_001), timed=True, memory=8 * GIGABYTES)
    assert CLOSED_FORMS.isdisjoint(choice.baselines)
    assert set(choice.skipped) == CLOSED_FORMS
    assert "6,001 items, more than 6,000; --baselines all" in choice.skipped["EASE"]
    assert names("all", replace(SMALL, items=6_001)) >= CLOSED_FORMS


@pytest.mark.parametrize("level", ["fast", "all"])
def test_what_does_not_fit_in_memory_is_left_out(level: Level) -> None:
    """5,000 items need 0.5 GB."""
    sizes = replace(SMALL, items=5_000)
    assert names(level, sizes, memory=600_000_000) >= CLOSED_FORMS
    choice = chosen(level, sizes, timed=True, memory=400_000_000)
    assert CLOSED_FORMS.isdisjoint(choice.baselines)
    assert "ItemKNN" in choice.baselines
    assert choice.skipped["EDLAE"] == ("needs about 0.5 GB for 5,000 items, and 0.4 GB are free")


def test_the_neighbours_of_a_large_catalogue_are_held_in_memory() -> None:
    """A hundred of each of a million items: 2.4 GB."""
    sizes = replace(SMALL, items=1_000_000)
    assert "ItemKNN" in names("fast", sizes, memory=3 * GIGABYTES)
    choice = chosen("all", sizes, timed=False, memory=2 * GIGABYTES)
    assert choice.skipped["ItemKNN"].startswith("needs about 2.4 GB for 1,000,000 items")


def test_what_takes_longer_than_a_minute_is_skipped_unless_all_is_wanted() -> None:
    """Ten users with 100,000 items each: 10 ** 11 products of two items of one user."""
    heavy = replace(SMALL, products=10**11)
    choice = chosen("fast", heavy, timed=True, memory=8 * GIGABYTES)
    assert {"ItemKNN", "recency-weighted ItemKNN"} == set(choice.skipped)
    assert "s at these sizes, more than 60; --baselines all" in choice.skipped["ItemKNN"]
    assert "ItemKNN" in names("all", heavy)


def test_lists_over_a_large_catalogue_take_time_too() -> None:
    """Scores of 300,000 items for 500,000 users: only ItemKNN, whose scores are few, is fast."""
    sizes = Sizes(500_000, 300_000, 10_000_000, 400_000_000, 500_000, 5_000_000)
    assert names("fast", sizes) == {"ItemKNN", "recency-weighted ItemKNN"}


def test_ials_has_fewer_factors_where_all_would_take_too_long() -> None:
    """128 factors on small data, 64 on larger; with all, every iteration of the default."""
    large = Sizes(200_000, 10_000, 2_000_000, 40_000_000, 5_000, 50_000)
    asked: list[tuple[Level, Sizes]] = [("fast", SMALL), ("fast", large), ("all", large)]
    small, wide, whole = (
        chosen(level, sizes, timed=False, memory=GIGABYTES).baselines["iALS"]
        for level, sizes in asked
    )
    assert isinstance(small, IALS)
    assert isinstance(wide, IALS)
    assert isinstance(whole, IALS)
    assert (small.dim, wide.dim, whole.dim) == (128, 64, 128)
    assert (small.iterations, wide.iterations, whole.iterations) == (10, 10, 20)
    assert seconds(wide, large) < 60 < seconds(whole, large)
