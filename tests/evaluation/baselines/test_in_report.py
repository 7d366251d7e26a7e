"""The lists of simple methods, on a few hand-written interactions."""

from typing import Any

import numpy as np
import pytest

from evaluation.baselines import choice, in_report
from evaluation.baselines.in_report import simple_lists
from models.prepared import Interactions
from stages.errors import ShortlistError

#: Users 0..3 took items {0, 1}, {0, 1, 2}, {1, 2}; user 3 nothing. Item 3 was never taken.
TRAINING = Interactions(np.array([0, 0, 1, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 2, 1, 2]))


def lists_of(level: Any, hidden: list[list[int]]) -> tuple[dict[str, Any], dict[str, str]]:
    arrays = [np.array(items, np.int64) for items in hidden]
    found, skipped = simple_lists(level, TRAINING, 4, 4, np.array([0, 3]), arrays, 2, timed=True)
    return {name: rows.tolist() for name, rows in found.items()}, skipped


def test_only_hidden_items_are_left_out_by_every_method() -> None:
    """User 0 is not shown item 0, but item 1, which is in the training part too; user 3 not item 1.

    User 3, who has no past, gets the most popular of the others from every method.
    """
    found, skipped = lists_of("all", [[0], [1]])
    assert skipped == {}
    assert set(found) == {
        *("popularity", "ItemKNN", "recency-weighted ItemKNN", "EASE", "EDLAE", "iALS", "BPR")
    }
    for name, (first, last) in found.items():
        assert 0 not in first, name
        assert 1 in first, name
        assert last == [0, 2], name


def test_without_baselines_there_is_popularity() -> None:
    """Item 1 was taken three times, the others twice."""
    assert lists_of("none", [[], []]) == ({"popularity": [[1, 0], [1, 0]]}, {})


def test_each_method_is_announced_and_what_is_skipped_has_a_reason(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is skipped for its size before it starts, another refuses the data itself."""
    monkeypatch.setattr(choice, "ITEMS", 3)

    class Refusing(choice.ItemKNN):
        def fit(self, *arguments: Any) -> Any:
            raise ShortlistError("expected less, got more.")

    monkeypatch.setattr(choice, "ItemKNN", Refusing)
    found, skipped = lists_of("fast", [[], []])
    assert list(found) == ["popularity", "iALS"]
    assert skipped["ItemKNN"] == "expected less, got more."
    assert "4 items, more than 3" in skipped["EASE"]
    assert "evaluating: iALS" in said
    assert any(line.startswith("evaluated iALS in ") for line in said)
    for name, reason in skipped.items():
        assert f"skipped {name}: {reason}" in said
    assert "evaluating: EASE" not in said


def test_the_seed_of_drawn_methods_is_fixed() -> None:
    """So a report of the same models is the same."""
    assert lists_of("all", [[], []]) == lists_of("all", [[], []])
    assert in_report.SEED == 0
