"""Prepared data as the models read it, against the Parquet files themselves."""

import numpy as np
import pandas as pd
import pytest

from ensemble.in_process import served_in_process
from models.prepared import Interactions, PreparedData, cardinality
from models.tensors import stored_name
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.columns import RAW_ID
from tests.models.shop import HISTORY


def raw(artifacts: Artifacts, part: str) -> pd.DataFrame:
    return pd.read_parquet(artifacts.prepared.raw_interactions(part))


@pytest.mark.parametrize("part", ["train", "valid", "test"])
def test_rows_map_to_raw_ids(data: PreparedData, artifacts: Artifacts, part: str) -> None:
    """Each interaction's user row and item row lead back to the ids of the raw table, in its order."""
    found, expected = data.interactions(part), raw(artifacts, part)
    items = pd.read_parquet(artifacts.prepared.items)[RAW_ID].to_numpy()
    users = np.array(data.raw_user_ids)
    assert users[found.users].tolist() == expected["customer"].tolist()
    assert items[found.items].tolist() == expected["product"].astype(str).tolist()
    assert (found.users.dtype, found.items.dtype) == (np.int64, np.int64)


def test_tables_stand_in_row_order(data: PreparedData, artifacts: Artifacts) -> None:
    """Row n of the tables is raw id n: numbers in numeric order, lists padded to their length."""
    items = pd.read_parquet(artifacts.prepared.items)
    assert items[RAW_ID].tolist() == [str(number) for number in range(1, 41)]
    assert data.items["product"].tolist() == items["product"].tolist()
    expected = [[*codes, *[0] * (3 - len(codes))] for codes in items["tags"]]
    assert data.items["tags"].tolist() == expected
    assert data.raw_user_ids == sorted(data.raw_user_ids)
    assert (data.user_count, data.item_count) == (60, 40)


def test_queries_hold_the_most_recent_items_oldest_first(
    data: PreparedData, artifacts: Artifacts
) -> None:
    """Each user's last items of the training part by time, as codes, then padding."""
    part = raw(artifacts, "train").sort_values("bought_at", kind="stable")
    codes = pd.read_parquet(artifacts.prepared.items).set_index(RAW_ID)["product"]
    history = data.queries(data.interactions("train"))["product_history"]
    assert history.shape == (60, HISTORY)
    for user, row in zip(data.raw_user_ids, history, strict=True):
        items = part.loc[part["customer"] == user, "product"].astype(str)
        recent = codes[items].tolist()[-HISTORY:]
        assert row.tolist() == [*recent, *[0] * (HISTORY - len(recent))]


def test_queries_of_chosen_users(data: PreparedData) -> None:
    """Chosen rows, in any order, equal those of all users' queries; without a history they are 0."""
    train = data.interactions("train")
    everybody, chosen = data.queries(train), data.queries(train, np.array([7, 2]))
    assert set(chosen) == set(data.query_schema.column_names)
    for name, column in chosen.items():
        np.testing.assert_array_equal(column, everybody[name][[7, 2]])
    nothing = Interactions(np.array([], np.int64), np.array([], np.int64))
    assert not data.queries(nothing)["product_history"].any()


def test_interactions_by_user() -> None:
    """Items in their original order, also for users without any; later ones are appended."""
    first = Interactions(np.array([2, 0, 2]), np.array([5, 6, 4]))
    both = first + Interactions(np.array([0]), np.array([1]))
    assert [items.tolist() for items in both.by_user(4)] == [[6, 1], [], [5, 4], []]
    some = both.by_user(np.array([3, 2]))
    assert [items.tolist() for items in some] == [[], [5, 4]]
    assert len(both) == 4


def test_newest_interactions_of_users() -> None:
    """The last two of each asked user, oldest first; -1 fills the rest."""
    pairs = Interactions(np.array([2, 0, 2, 0, 2]), np.array([5, 6, 4, 1, 8]))
    assert pairs.newest(np.array([2, 1, 0]), 2).tolist() == [[4, 8], [-1, -1], [6, 1]]
    assert pairs.newest(np.array([0]), 3).tolist() == [[6, 1, -1]]


def test_item_counts_are_per_code(data: PreparedData) -> None:
    """Interactions of each code; items that share the unknown code share its count."""
    codes = data.items["product"]
    unknown, known = np.flatnonzero(codes == 2)[0], np.flatnonzero(codes == 3)[0]
    visible = Interactions(np.zeros(3, np.int64), np.array([known, unknown, known]))
    counts = data.item_counts(visible)
    assert counts.shape == (cardinality(data.item_id),)
    assert counts[:4].tolist() == [0, 0, 1, 2]
    assert counts.sum() == 3


def test_the_unknown_user_is_the_one_that_is_served(
    data: PreparedData, recipe: Recipe, artifacts: Artifacts
) -> None:
    """Training's unknown user equals the server's, column by column."""
    with served_in_process(recipe, artifacts) as plan:
        served = plan.run(plan.columns(plan.request(["nobody"])))
    assert set(data.unknown_user) == set(data.query_schema.column_names)
    for column in data.query_schema:
        name, value = stored_name(column), data.unknown_user[column.name]
        np.testing.assert_array_equal(value, served[f"user.{name}"], err_msg=name)
