"""Traces of many users, asked a few at a time."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest

from evaluation import traces
from evaluation.traces import traced
from runtime.plan import Plan, Trace


class Numbered:
    """A plan whose answer to user "3" is item 3, from as many candidates as there are users in the call."""

    generators = ("two-tower",)

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def trace(self, users: Sequence[str], **options: Any) -> Trace:
        self.asked.append(list(users))
        items = np.array([[int(user)] for user in users])
        wide = np.repeat(items, len(users), axis=1)
        return Trace(wide, wide, wide.astype(np.float32), items[:, : options["top_k"]])


def test_users_are_asked_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """All in their order; lists of a part with fewer candidates are padded."""
    monkeypatch.setattr(traces, "USERS_PER_BATCH", 2)
    plan = Numbered()
    found = traced(cast(Plan, plan), ["4", "2", "7"], top_k=1)
    assert plan.asked == [["4", "2"], ["7"]]
    assert found.item_rows.tolist() == [[4], [2], [7]]
    assert found.candidate_rows.tolist() == [[4, 4], [2, 2], [7, -1]]
    assert found.ranker_scores.tolist() == [[4, 4], [2, 2], [7, -np.inf]]
    assert found.generator_ranks is None


def test_generators_columns_are_joined_too() -> None:
    """Ranks and scores by generator, padded with 0."""

    def of(rows: list[list[int]]) -> Trace:
        items = np.array(rows)
        ranks = np.stack([items, items + 1], axis=2)
        return Trace(items, items, items.astype(np.float32), items, ranks, ranks.astype(np.float32))

    found = Trace.joined([of([[1, 2]]), of([[5]])])
    assert found.retrieved_rows.tolist() == [[1, 2], [5, -1]]
    assert found.generator_ranks is not None
    assert found.generator_ranks.tolist() == [[[1, 2], [2, 3]], [[5, 6], [0, 0]]]
