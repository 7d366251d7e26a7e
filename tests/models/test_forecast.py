"""What a training is said to need before it begins, from sizes written by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.forecast import RETRIEVED_ROW, Sizes, forecast
from models.prepared import PreparedData
from recipes.load import of_tables
from recipes.schema.recipe import Recipe

#: Of Amazon Beauty with only columns named.
BEAUTY = Sizes(
    rows=176_139,
    held_out=22_363,
    users=22_363,
    items=12_101,
    links=3_000_000,
    values=52,
    history=50,
)


def recipe(**tables: Any) -> Recipe:
    """Only columns named, and these tables."""
    source = {"kind": "files", "interactions": "rows.parquet"}
    columns = {"user": "user", "item": "item", "timestamp": "ts"}
    split = {"kind": "leave-last-out"}
    basis = {"name": "beauty", "source": source, "columns": columns, "split": split}
    return of_tables({**basis, **tables})


def test_it_is_near_what_was_measured() -> None:
    """All 8 epochs of both models took 447 s on a shared machine."""
    found = forecast(recipe(), BEAUTY)
    assert 150 < found.seconds < 450
    assert 1.5e9 < found.bytes < 3e9


def test_the_line_is_for_a_person() -> None:
    """Sizes with commas, rounded time and memory."""
    found = forecast(recipe(), BEAUTY)
    line = replace(found, seconds=250.0, bytes=2.68e9).line(BEAUTY)
    assert line == (
        "training on 176,139 positives of 22,363 users and 12,101 items: up to about 4 min on 2 cores, and "
        "about 2.7 GB of memory"
    )


def test_the_retriever_takes_as_long_as_its_rows_and_epochs() -> None:
    """Alone, with twice the rows or twice the epochs, it takes twice as long but for the compilation."""
    alone = {"ranker": {"kind": "none"}}
    once = forecast(recipe(**alone), BEAUTY).seconds
    rows = forecast(recipe(**alone), replace(BEAUTY, rows=2 * BEAUTY.rows)).seconds
    epochs = forecast(recipe(**alone, retriever={"max_epochs": 16}), BEAUTY).seconds
    assert rows == pytest.approx(epochs)
    assert rows - once == pytest.approx(RETRIEVED_ROW * 2 * 8 * BEAUTY.rows)


def test_the_ranker_learns_from_a_bounded_number_of_users() -> None:
    """A hundred times the users change nothing beyond the sample."""
    many = replace(BEAUTY, held_out=30_000)
    assert forecast(recipe(), many) == forecast(recipe(), replace(many, held_out=3_000_000))
    fewer = forecast(recipe(ranker={"users": 1000}), many)
    assert fewer.seconds < forecast(recipe(), many).seconds
    assert fewer.bytes <= forecast(recipe(), many).bytes


def test_what_a_recipe_does_not_train_takes_no_time() -> None:
    """Item models only for features and generators that read them; the closed form grows with items cubed."""
    features = ["retrieval_score", "popularity"]
    without = forecast(recipe(ranker={"features": features}), BEAUTY)
    linear = forecast(recipe(ranker={"features": [*features, "linear"]}), BEAUTY)
    larger = replace(BEAUTY, items=2 * 8_000)
    smaller = replace(BEAUTY, items=8_000)
    of_both = [
        forecast(recipe(ranker={"features": [*features, "linear"]}), each).seconds
        - forecast(recipe(ranker={"features": features}), each).seconds
        for each in (smaller, larger)
    ]
    assert linear.seconds > without.seconds
    assert 7.9 < of_both[1] / of_both[0] < 8.1


def test_sizes_of_prepared_data(data: PreparedData) -> None:
    """Counted by hand from the same interactions."""
    visible, valid = data.interactions("train", "valid"), data.interactions("valid")
    sizes = Sizes.of(data, visible, valid)
    assert (sizes.rows, sizes.users, sizes.items) == (
        len(visible),
        data.user_count,
        data.item_count,
    )
    assert sizes.held_out == len(set(valid.users.tolist()))
    own = np.unique(visible.users, return_counts=True)[1]
    assert sizes.links == sum(int(number) ** 2 for number in own)
    assert sizes.history == len(data.queries(visible)["product_history"][0])
    assert sizes.values >= sizes.history + 2
