"""The prepared output of a made-up shop."""

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipes.schema.recipe import Recipe
from stages.artifacts import PARTS, Artifacts
from stages.columns import HISTORY, POSITIVE, RAW_ID
from stages.errors import ShortlistError
from tests.splits import split_table
from workflows.engines.choice import Engine
from workflows.prepare import prepare

Build = Callable[..., Recipe]
Read = Callable[[Artifacts, str], pd.DataFrame]
Replace = Callable[..., None]


def raw(artifacts: Artifacts, part: str) -> pd.DataFrame:
    return pd.read_parquet(artifacts.prepared.raw_interactions(part))


def test_rows_carry_codes_features_history_time_and_label(
    shop: Artifacts, shop_recipe: Build, messages: list[str], encoded: Read
) -> None:
    """Every part has the expected columns, with rows in the order of its raw file."""
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    total = 0
    for part in PARTS:
        rows, source = encoded(shop, part), raw(shop, part)
        assert " ".join(map(str, rows)) == (
            "customer country age member spent sku tags sizes brand ean price "
            f"{HISTORY} at stars {POSITIVE}"
        )
        assert rows["at"].tolist() == source["at"].tolist()
        assert rows["stars"].tolist() == source["stars"].tolist()
        assert rows["customer"].dtype == rows["age"].dtype == np.int64
        assert rows["price"].dtype == rows["stars"].dtype == np.float32
        total += len(rows)
    assert total == 300


def test_codes_follow_count_then_value_of_the_training_part(
    shop: Artifacts, shop_recipe: Build
) -> None:
    """Vocabularies are counted on train and valid only, most frequent first, ties by value."""
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    training = pd.concat([raw(shop, "train"), raw(shop, "valid")])
    counts = training["sku"].value_counts()
    expected = sorted(counts.index[counts >= 2], key=lambda sku: (-counts[sku], sku))
    words = json.loads((shop.prepared.encoding / "vocabularies/sku.json").read_text())
    assert words == [str(sku) for sku in expected]


def test_users_and_items_are_sorted_by_raw_id_with_all_their_features(
    shop: Artifacts, shop_recipe: Build
) -> None:
    """Ids of the tables and ids only in interactions are present; integers sort as numbers."""
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    items = pd.read_parquet(shop.prepared.items)
    users = pd.read_parquet(shop.prepared.users)
    assert items[RAW_ID].tolist() == [str(number) for number in range(1, 31)]
    assert items["sku"].tolist()[28:] == [2, 2]  # never bought
    assert list(items)[:2] == [RAW_ID, "sku"]
    assert users[RAW_ID].tolist() == sorted(users[RAW_ID])
    ages = dict(zip(users[RAW_ID], users["age"], strict=True))
    # 17 is below both boundaries, 18 reaches the first, 30 the second; null and unlisted are null
    assert [ages[f"customer {n}"] for n in (0, 1, 3, 4, 2)] == [3, 4, 4, 5, 1]
    stranger = users[users[RAW_ID] == "ψ-11"].iloc[0]
    assert stranger["customer"] >= 3
    assert (stranger["country"], stranger["age"], stranger["member"]) == (1, 1, 1)


def test_list_columns_keep_the_first_values_and_code_nulls_as_one(
    shop: Artifacts, shop_recipe: Build
) -> None:
    """Empty stays empty, a missing list is one null, a null element is a null, the rest is truncated."""
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    words = json.loads((shop.prepared.encoding / "vocabularies/tags.json").read_text())
    code = {word: place + 3 for place, word in enumerate(words)}
    assert "late" not in code  # truncated before the vocabulary is counted
    tags = pd.read_parquet(shop.prepared.items)["tags"].tolist()
    assert list(tags[4]) == [code["red"], code["blue"]]  # item 5
    assert list(tags[0]) == []
    assert list(tags[1]) == [1]
    assert list(tags[2]) == [code["red"], 1]
    assert list(tags[3]) == [code["ünï"], code["red"], code["blue"]]


def test_integers_beyond_float_precision_stay_apart(shop: Artifacts, shop_recipe: Build) -> None:
    """2^53 and 2^53 + 1 are different categories, beside nulls too."""
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    sizes = json.loads((shop.prepared.encoding / "vocabularies/sizes.json").read_text())
    eans = json.loads((shop.prepared.encoding / "vocabularies/ean.json").read_text())
    assert {str(2**53), str(2**53 + 1), "36"} == set(sizes)
    assert str(2**53 + 1) in eans
    assert len(set(eans)) == len(eans)


def test_numbers_are_filled_and_normalised_over_the_training_part(
    shop: Artifacts, shop_recipe: Build, encoded: Read
) -> None:
    """Mean 0 and variance 1 over the training part; a null becomes the fill value."""
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    training = pd.concat([encoded(shop, "train"), encoded(shop, "valid")])
    assert abs(training["spent"].astype(float).mean()) < 1e-4
    assert abs(training["spent"].astype(float).std() - 1) < 1e-4
    content = json.loads((shop.prepared.encoding / "encoding.json").read_text())
    spent = next(one for one in content["user_features"] if one["name"] == "spent")
    users = pd.read_parquet(shop.prepared.users).set_index(RAW_ID)
    expected = np.float32((7.5 - spent["mean"]) / spent["std"])
    assert users["spent"][["customer 1", "ψ-11"]].tolist() == [expected, expected]


def test_the_schema_says_what_each_column_is(shop: Artifacts, shop_recipe: Build) -> None:
    """Merlin reads tags, cardinalities and list lengths from the file beside the Parquet files."""
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    from merlin.io import Dataset
    from merlin.schema import Tags

    for part in PARTS:
        schema = Dataset(str(shop.prepared.interactions(part)), engine="parquet", cpu=True).schema
        assert schema.select_by_tag(Tags.USER_ID).column_names == ["customer"]
        assert schema.select_by_tag(Tags.ITEM_ID).column_names == ["sku"]
        assert schema.select_by_tag(Tags.TARGET).column_names == ["stars", POSITIVE]
        assert set(schema.select_by_tag(Tags.CONTINUOUS).column_names) == {"spent", "price"}
        assert set(schema.select_by_tag(Tags.ITEM).column_names) == (
            {"sku", "tags", "sizes", "brand", "ean", "price"}
        )
        words = json.loads((shop.prepared.encoding / "vocabularies/sku.json").read_text())
        assert schema["sku"].int_domain.max == len(words) + 2
        assert schema[HISTORY].int_domain.name == schema["sku"].int_domain.name == "sku"
        assert schema[HISTORY].int_domain.max == schema["sku"].int_domain.max
        assert (schema[HISTORY].is_list, schema["tags"].is_list) == (True, True)
        assert schema[HISTORY].value_count.max == 4
        assert schema["tags"].value_count.max == 3
        assert schema["age"].int_domain.max == 5


def test_repeated_pairs_keep_the_latest(
    shop: Artifacts, shop_recipe: Build, messages: list[str]
) -> None:
    """A repeated purchase counts once, with the later stars; the log has the number of repeats."""
    table = pq.read_table(shop.raw.interactions)
    again = table.slice(0, 5).set_column(2, "at", pa.array([999, 999, 999, -1, -1], pa.int64()))
    again = again.set_column(3, "stars", pa.array([9.0] * 5, pa.float32()))
    pq.write_table(pa.concat_tables([table, again]), shop.raw.interactions)
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    rows = pd.concat([raw(shop, part) for part in PARTS])
    assert len(rows) == 300
    assert (rows["stars"] == 9).sum() == 3
    assert any(message.startswith("5 repeated") for message in messages)


def test_the_filter_comes_before_everything_else(
    shop: Artifacts, shop_recipe: Build, messages: list[str], encoded: Read
) -> None:
    """Only rows that meet the condition are split, and the log has their number."""
    recipe = shop_recipe(
        interactions={"filter": "stars >= 4 and channel == 'web'", "history_length": 0}
    )
    source = pd.read_parquet(shop.raw.interactions)
    kept = source[(source["stars"] >= 4) & (source["channel"] == "web")]
    prepare(recipe, shop, force=False, encoded_rows=True)
    rows = pd.concat([raw(shop, part) for part in PARTS])
    order = ["customer", "sku"]
    assert rows.sort_values(order)["at"].tolist() == kept.sort_values(order)["at"].tolist()
    assert any(f"keeps {len(kept)} of 300" in message for message in messages)
    assert HISTORY not in encoded(shop, "train")


def test_dates_become_seconds_in_encoded_rows(
    shop: Artifacts, shop_recipe: Build, encoded: Read, replace_column: Replace
) -> None:
    """A datetime orders the history and becomes integer seconds for the models; raw rows keep it."""
    seconds = pq.read_table(shop.raw.interactions)["at"].to_numpy() * 86_400
    replace_column(shop.raw.interactions, "at", seconds.astype("datetime64[s]"))
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    rows, source = encoded(shop, "train"), raw(shop, "train")
    assert rows["at"].dtype == np.int64
    assert (pd.to_datetime(rows["at"], unit="s") == source["at"]).all()


def test_up_to_date_output_is_kept(
    shop: Artifacts, shop_recipe: Build, messages: list[str]
) -> None:
    """A second run does nothing and logs so; another recipe, other rows or force repeat the work."""
    recipe = shop_recipe()
    prepare(recipe, shop, force=False, encoded_rows=True)
    mark = shop.prepared.root / "mark"
    mark.touch()
    prepare(recipe, shop, force=False, encoded_rows=True)
    assert mark.exists()
    assert "up to date" in messages[-1]
    prepare(recipe, shop, force=True, encoded_rows=True)
    assert not mark.exists()
    mark.touch()
    prepare(shop_recipe(interactions={"history_length": 2}), shop, force=False, encoded_rows=True)
    assert not mark.exists()
    mark.touch()
    rows = pq.read_table(shop.raw.interactions).slice(0, 200)
    pq.write_table(rows, shop.raw.interactions)
    prepare(shop_recipe(interactions={"history_length": 2}), shop, force=False, encoded_rows=True)
    assert not mark.exists()


def test_the_saved_workflow_loads_and_encodes_alike(shop: Artifacts, shop_recipe: Build) -> None:
    """NVTabular itself loads what it saved, from its final folder, and gives the same codes."""
    prepare(shop_recipe(), shop, force=False, encoded_rows=True)
    from merlin.dag import ColumnSelector, postorder_iter_nodes
    from nvtabular import Workflow

    workflow = Workflow.load(shop.prepared.workflow)
    operators = {
        type(node.op).__name__: node.op for node in postorder_iter_nodes(workflow.output_node)
    }
    rows = pd.DataFrame({"sku": [1, 2, 3]})
    codes = operators["Categorify"].transform(ColumnSelector(["sku"]), rows)["sku"]
    items = pd.read_parquet(shop.prepared.items)
    assert codes.tolist() == items["sku"].tolist()[:3]


@pytest.mark.parametrize("kind", ["random", "temporal", "leave-last-out"])
def test_every_kind_of_split_goes_through(shop: Artifacts, shop_recipe: Build, kind: str) -> None:
    """Every row is in one part, as the kind of split determines."""
    split = split_table(kind, test=0.2, valid=0.2, seed=1)
    prepare(shop_recipe(split=split), shop, force=False, encoded_rows=True)
    rows = pd.concat([raw(shop, part) for part in PARTS])
    assert len(rows) == 300
    assert not rows.duplicated(["customer", "sku"]).any()
    if kind == "temporal":
        assert raw(shop, "valid")["at"].max() <= raw(shop, "test")["at"].min()
    if kind == "leave-last-out":
        assert (raw(shop, "test")["customer"].value_counts() == 1).all()


def test_ids_alone_are_enough(
    shop: Artifacts, shop_recipe: Build, encoded: Read, messages: list[str]
) -> None:
    """No features, no timestamp, no label: ids and history, in the order of the table."""
    recipe = shop_recipe(features={}, columns={"user": "customer", "item": "sku"}, vocabulary={})
    prepare(recipe, shop, force=False, encoded_rows=True)
    rows = encoded(shop, "train")
    assert list(rows) == ["customer", "sku", HISTORY, POSITIVE]
    assert list(pd.read_parquet(shop.prepared.users)) == [RAW_ID, "customer"]
    first = rows[rows["customer"] == rows["customer"].iloc[0]]["sku"].tolist()
    assert rows[HISTORY].iloc[0].tolist() == first[1:][-4:]


@pytest.mark.parametrize("engine", ["polars", "dask"])
def test_only_encoded_rows_that_are_read_are_written(
    shop: Artifacts, shop_recipe: Build, engine: Engine, messages: list[str]
) -> None:
    """In-batch softmax reads train and valid, masked softmax neither; on request all parts are written."""

    def parts() -> list[str]:
        return [part for part in PARTS if shop.prepared.interactions(part).exists()]

    masked = shop_recipe(retriever={"kind": "masked-softmax"})
    prepare(masked, shop, engine=engine)
    assert parts() == []
    assert len(raw(shop, "train"))
    prepare(shop_recipe(), shop, engine=engine)
    assert parts() == ["train", "valid"]
    prepare(masked, shop, encoded_rows=True, engine=engine)
    assert parts() == list(PARTS)
    messages.clear()
    prepare(masked, shop, engine=engine)
    assert messages == [f"{shop.prepared.root} is up to date"]


def test_training_that_finds_no_encoded_rows_asks_for_them(
    shop: Artifacts, shop_recipe: Build
) -> None:
    """Prepared for another retriever: the message has the command to run."""
    from models.train import train

    prepare(shop_recipe(retriever={"kind": "masked-softmax"}), shop)
    with pytest.raises(ShortlistError, match=r"expected encoded interactions in .*train.*prepare"):
        train(shop_recipe(), shop)
