"""Repeat consumption: counted by hand, reported by inspection and preparation."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stages.columns import TEST, TRAIN, VALID
from tests.heard import heard
from tests.workflows.ratings import ratings_recipe, write_raw
from workflows import repeats
from workflows.inspection.inspect import inspect
from workflows.inspection.tables import rows_of
from workflows.prepare import prepare
from workflows.repeats import Repeats, advice, count_repeats

#: Each user takes two items over and over: interaction n is of user n % 40.
AGAIN = {"item": [number // 40 % 2 for number in range(800)]}


@pytest.mark.parametrize("at_once", [1 << 23, 2])
def test_a_repeat_is_a_pair_that_training_has(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """User 1's item 5 was in train and 6 in valid; 7 is new, and 5 is new to user 2."""
    monkeypatch.setattr(repeats, "_ROWS_AT_ONCE", at_once)
    rows = pl.DataFrame(
        {
            "user": [1, 1, 1, 1, 1, 2, 2],
            "item": [5, 6, 5, 6, 7, 5, 5],
            "part": [TRAIN, VALID, TEST, TEST, TEST, TEST, TEST],
        }
    )
    found = count_repeats(rows)
    assert found == Repeats(2, 5)
    assert (found.share, str(found)) == (0.4, "2 of 5 (40.0%)")
    assert count_repeats(rows.head(2)).share == 0


def test_only_what_is_missing_is_to_be_set() -> None:
    """Each setting that the recipe lacks, in the order of the stages; nothing below a tenth."""
    lacking = ratings_recipe(serving={"generators": ["two-tower", "als"]})
    assert advice(lacking, 0.1) == (
        "To recommend what users already had, set interactions.repeats = true; serving.exclude = []; "
        'serving.generators = ["two-tower", "als", "repeat"].'
    )
    assert advice(lacking, 0.09) is None
    # By rule the generator is among the others once users may be shown their own items.
    assert advice(ratings_recipe(), 0.1) == (
        "To recommend what users already had, set interactions.repeats = true; serving.exclude = []."
    )
    kept, shown = {"repeats": True}, {"exclude": [], "generators": ["two-tower", "repeat"]}
    assert advice(ratings_recipe(interactions=kept, serving=shown), 1) is None
    own = {"features": ["retrieval_score"]}
    assert advice(ratings_recipe(interactions=kept, serving=shown, ranker=own), 1) == (
        "To recommend what users already had, set ranker.features with 'repeat' and 'repeat_zscore'."
    )


@pytest.mark.parametrize("keep", [False, True])
def test_inspection_says_how_much_is_repeated_and_what_to_set(tmp_path: Path, keep: bool) -> None:
    """All 200 interactions of the test part are repeats, also where only the latest of a pair counts."""
    recipe = ratings_recipe(interactions={"repeats": keep})
    found = inspect(recipe, write_raw(tmp_path, interactions=AGAIN))
    assert found.repeats == Repeats(200, 200)
    shown = rows_of(found)["repeat consumption in the test part"]
    assert shown == "200 of 200 (100.0%)" + ", if repeats were kept" * (not keep)
    (remark,) = (each for each in found.remarks if "already had" in each)
    assert "200 of 200 (100.0%) are items that the user already had" in remark
    assert ("interactions.repeats = true" in remark) == (not keep)


def test_only_positives_are_repeat_consumption(tmp_path: Path) -> None:
    """A second interaction with an item that was not a positive before is no repeat."""
    first = [5 if number < 80 else 1 for number in range(800)]
    liked: dict[str, Any] = {"positive": "stars > 3", "repeats": True}
    artifacts = write_raw(tmp_path, interactions={**AGAIN, "stars": first})
    assert inspect(ratings_recipe(interactions=liked), artifacts).repeats == Repeats(0, 0)


def test_without_repeats_nothing_is_said(tmp_path: Path) -> None:
    """Every pair once."""
    found = inspect(ratings_recipe(), write_raw(tmp_path))
    assert found.repeats == Repeats(0, 200)
    assert "repeat consumption in the test part" not in rows_of(found)
    assert not any("already had" in remark for remark in found.remarks)


@pytest.mark.parametrize(
    ("interactions", "line"),
    [
        (
            {"repeats": True},
            "repeat consumption in the test part: 200 of 200 (100.0%). To recommend",
        ),
        (
            {},
            "90% of the positives repeat an earlier one. To recommend what users already had, set",
        ),
        ({"positive": "stars > 4"}, None),
    ],
)
def test_preparation_says_it_in_a_line(
    tmp_path: Path, interactions: dict[str, Any], line: str | None
) -> None:
    """Whether repeats are kept or not; of positives alone, of which each pair has one here."""
    stars = [5 if number < 40 or number >= 760 else 1 for number in range(800)]
    recipe = ratings_recipe(
        interactions=interactions, split={"kind": "random", "test": 0.25, "valid": 0.2}
    )
    if interactions == {"repeats": True}:
        recipe = ratings_recipe(interactions=interactions)
    artifacts = write_raw(tmp_path, interactions={**AGAIN, "stars": stars})
    with heard() as lines:
        prepare(recipe, artifacts, force=False)
    said = [each for each in lines if "already had" in each]
    assert len(said) == (line is not None), lines
    assert line is None or line in said[0]
