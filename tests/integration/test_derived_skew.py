"""Counts, ages and targets are served as they were prepared, and the ranker is served the whole of them."""

from pathlib import Path

import dask
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from nvtabular import Workflow

from ensemble.feature_store.user_features import checked
from ensemble.in_process import served_in_process
from ensemble.releases.attributes import read_attributes
from ensemble.releases.parts import read_parts
from models.prepared import PreparedData
from models.train import train
from recipes.schema.recipe import Recipe
from sources.ingest import ingest
from stages.artifacts import Artifacts
from stages.columns import RAW_ID, TEST
from tests.models import shop
from workflows.derived import derive
from workflows.engines.nvtabular_engine import pandas_side
from workflows.prepare import prepare
from workflows.selection import PART, select, with_parts
from workflows.tables import read_tables

DAY = 86_400
FEATURES = {
    "user": {
        "country": {"kind": "categorical"},
        "bought": {"kind": "count", "log": True},
        "known_for": {"kind": "age", "of": "since", "fill": 30.0},
        "country_rate": {"kind": "target", "of": ["country", "age"], "folds": 3},
    },
    "item": {
        "tags": {"kind": "categorical", "list": True, "max_length": 3},
        "sold": {"kind": "count", "days": 0.005, "positive": True},
        "age": {"kind": "age", "of": "listed"},
        "rate": {"kind": "target", "of": "product", "smoothing": 5.0},
    },
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Artifacts]:
    """The models' shop with times in its tables, prepared and trained; late purchases are positives."""
    folder = tmp_path_factory.mktemp("derived")
    shop.write_files(folder)
    for name, column, dtype in (
        ("users", "since", pa.timestamp("ms")),
        ("items", "listed", pa.int64()),
    ):
        table = pq.read_table(folder / f"{name}.parquet")
        days = [None if row % 9 == 4 else -row * DAY // 2 for row in range(len(table))]
        times = pa.array(days, pa.int64())
        times = times if dtype == pa.int64() else times.cast(pa.timestamp("s")).cast(dtype)
        pq.write_table(table.append_column(column, times), folder / f"{name}.parquet")
    recipe = shop.recipe(folder, interactions={"positive": "bought_at >= 400"})
    recipe = Recipe.model_validate(recipe.model_dump() | {"features": FEATURES}, strict=False)
    artifacts = Artifacts(folder / "artifacts")
    ingest(recipe, artifacts, None)
    prepare(recipe, artifacts, force=False, encoded_rows=True)
    train(recipe, artifacts, force=False)
    return recipe, artifacts


def test_the_server_encodes_users_as_they_were_prepared(made: tuple[Recipe, Artifacts]) -> None:
    """Through the feature store, to the last bit; the customer that no table knows, too."""
    recipe, artifacts = made
    users = pd.read_parquet(artifacts.prepared.users)
    with served_in_process(recipe, artifacts) as plan:
        columns = plan.run(plan.columns(plan.request(users[RAW_ID].tolist())))
    for name in FEATURES["user"]:
        assert columns[f"user.{name}"].tobytes() == users[name].to_numpy().tobytes(), name
    assert len(set(users["country_rate"])) > 2
    assert len(set(users["known_for"])) > 2


def test_a_new_user_is_encoded_from_what_the_request_brings(made: tuple[Recipe, Artifacts]) -> None:
    """The statistic of the known country, the days since a date, and no purchases unless they are told."""
    recipe, artifacts = made
    users = pd.read_parquet(artifacts.prepared.users).set_index(RAW_ID)
    raw = pq.read_table(artifacts.raw.users).to_pylist()[7]
    given = {"country": raw["country"], "age": raw["age"], "since": raw["since"].isoformat()}
    like = users.loc[raw["customer"]]
    nothing = users.loc["c0"]  # in no users table
    with served_in_process(recipe, artifacts) as plan:
        request = plan.request(["new", "new"], user_features=[given, {"bought": 3, "age": -1}])
        columns = plan.run(plan.columns(request))
        unknown = plan.run(plan.columns(plan.request(["new"])))
    for name in ("country", "known_for", "country_rate"):
        assert columns[f"user.{name}"][0] == like[name], name
        assert unknown[f"user.{name}"][0] == nothing[name], name
    counts = pq.read_table(artifacts.prepared.counts("user")).to_pydict()
    three = counts["customer"][counts["bought"].index(max(counts["bought"]))]
    assert columns["user.bought"][0] == unknown["user.bought"][0] < columns["user.bought"][1]
    assert columns["user.bought"][1] < users.loc[three, "bought"]
    assert columns["user.country_rate"][1] not in set(users["country_rate"])


def test_the_ranker_is_trained_out_of_fold_and_served_with_all(
    made: tuple[Recipe, Artifacts],
) -> None:
    """Its item column is that of the items table, and no training pair of an item need agree with it."""
    recipe, artifacts = made
    parts = read_parts(recipe, artifacts)
    assert parts.ranker_feeds["rate"] == "item.rate"
    assert parts.ranker_feeds["country_rate"] == "user.country_rate"
    rate = pd.read_parquet(artifacts.prepared.items)["rate"]
    assert parts.item_columns["rate"].tolist() == rate.tolist()
    data = PreparedData(artifacts.prepared)
    rows = data.labelled("train", "valid")
    told = data.pair_columns(rows.users, rows.items)["rate"]
    assert (told != rate.to_numpy()[rows.items]).mean() > 0.5


def test_counts_can_be_filtered_by(made: tuple[Recipe, Artifacts]) -> None:
    """Attributes of items are raw columns and counts; a time is its seconds, a target is not among them."""
    recipe, artifacts = made
    attributes = read_attributes(recipe, artifacts, read_parts(recipe, artifacts))
    found = {each.name: each.values.tolist() for each in attributes}
    assert set(found) == {"tags", "listed", "sold"}
    assert found["sold"] == pq.read_table(artifacts.prepared.counts("item"))["sold"].to_pylist()
    assert found["listed"][:2] == [0, -DAY // 2]


def test_features_of_a_user_are_given_as_raw_columns(made: tuple[Recipe, Artifacts]) -> None:
    """Counts too; a time as seconds or text, and nothing else in its place."""
    recipe, _ = made
    given = {"since": "2024-01-31", "age": 31, "bought": 7}
    assert checked(recipe, given) == given
    assert checked(recipe, {"since": pd.Timestamp("1970-01-02")}) == {"since": DAY}
    with pytest.raises(
        ValueError, match=r"user features of the recipe \(country, since, age, bought"
    ):
        checked(recipe, {"country_rate": 0.5})
    with pytest.raises(ValueError, match=r"seconds since 1970 or a time .* for since, got 'soon'"):
        checked(recipe, {"since": "soon"})


def test_nvtabular_transforms_with_the_saved_workflow(
    made: tuple[Recipe, Artifacts], tmp_path: Path
) -> None:
    """Rows with the derived numbers beside them: what was written of the test part, whole."""
    recipe, artifacts = made
    tables = read_tables(recipe, artifacts.raw)
    rows = with_parts(recipe, select(recipe, tables))
    derived = derive(recipe, tables, rows)
    raw = pd.read_parquet(artifacts.prepared.raw_interactions("test"))
    joined = raw.merge(pandas_side(derived.tables.users), on="customer", how="left")
    joined = joined.merge(pandas_side(derived.tables.items), on="product", how="left")
    with dask.config.set({"dataframe.convert-string": False}):
        workflow = Workflow.load(artifacts.prepared.workflow)
        encoded = workflow.transform(joined.assign(**{PART: TEST}))
    files = sorted(artifacts.prepared.interactions("test").glob("*.parquet"))
    written = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    for name in ("bought", "known_for", "country_rate", "sold", "age", "rate"):
        np.testing.assert_array_equal(encoded[name], written[name], err_msg=name)
