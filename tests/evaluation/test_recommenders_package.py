"""Metrics and splits equal those of recommenders-team/recommenders: figures to 1e-9, splits to the row."""

import json
from typing import Any

import numpy as np
import pytest

from metrics import ranking
from tests.evaluation.recommenders_package import ANSWERS, KS, RATIO, SEED, cases, table
from workflows.splits import random_holdout, stratified_holdout


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    return dict(json.loads(ANSWERS.read_text(encoding="utf-8")))


@pytest.mark.parametrize("number", range(len(cases())))
def test_metrics_equal_the_packages(answers: dict[str, Any], number: int) -> None:
    """NDCG, MAP, precision and recall at every depth, over lists that end early, too."""
    ranked, relevant = cases()[number]
    expected = answers["figures"][number]
    assert ranking.at_each_k(ranked, relevant, KS) == pytest.approx(expected, rel=0, abs=1e-9)
    assert len(set(expected.values())) > 3, "figures that are all alike would show nothing"


def test_the_random_split_holds_out_the_packages_rows(answers: dict[str, Any]) -> None:
    """The same table, ratio and seed give the very same rows."""
    held = random_holdout(len(table()), 1 - RATIO, SEED)
    assert np.flatnonzero(held).tolist() == answers["test_rows"]["random"]


@pytest.mark.parametrize("by", ["user", "item"])
def test_the_stratified_split_holds_out_the_packages_rows(answers: dict[str, Any], by: str) -> None:
    """By user and by item, including groups of a single row."""
    groups = table()[f"{by}ID"]
    assert (groups.value_counts() == 1).any()
    held = stratified_holdout(groups.to_numpy(), 1 - RATIO, SEED)
    assert np.flatnonzero(held).tolist() == answers["test_rows"][by]
