"""Training-serving skew is zero: the server's look-ups give the codes of the fitted workflow."""

import workflows.merlin_compat  # noqa: F401  isort: skip

from pathlib import Path
from typing import Any

import dask
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from nvtabular import Workflow

from ensemble.runtime.encoding import Categorical, Encoder, Encoding
from recipes.artifacts import Artifacts, Raw
from tests.workflows.shop import shop_recipe, write_shop, write_table
from workflows.graph import PART
from workflows.prepare import prepare
from workflows.tables import read_tables


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """The made-up shop of the workflows' tests, prepared."""
    artifacts = Artifacts(tmp_path_factory.mktemp("skew") / "shop")
    write_shop(artifacts.raw)
    prepare(shop_recipe(), artifacts, force=False, say=print)
    return artifacts


def as_trained(encoder: Encoder, column: pd.Series) -> np.ndarray:
    """What the workflow wrote, lists padded as the server pads them."""
    if not (isinstance(encoder, Categorical) and encoder.max_length is not None):
        return column.to_numpy()
    padded = np.zeros((len(column), encoder.max_length), np.int64)
    for row, codes in zip(padded, column, strict=True):
        row[: len(codes)] = codes
    return padded


def assert_equal(encoder: Encoder, raw: list[Any], encoded: pd.Series) -> None:
    served, trained = encoder.encode(raw), as_trained(encoder, encoded)
    assert served.dtype == trained.dtype
    np.testing.assert_array_equal(served, trained, err_msg=encoder.name)


def raw_values(path: Path, key: str, ids: list[str]) -> dict[str, list[Any]]:
    """A raw table's columns as Python values, in the order of ``ids``; None for an absent id."""
    rows = {str(row[key]): row for row in pq.read_table(path).to_pylist()}
    return {
        name: [rows.get(one, {}).get(name) for one in ids] for name in pq.read_schema(path).names
    }


def test_every_user_and_item_has_the_same_codes(prepared: Artifacts) -> None:
    """Nulls, empty lists, unicode, rare values, huge integers: equal, floats to the last bit."""
    encoding = Encoding.load(prepared.prepared.encoding)
    for path, raw, encoder, features in (
        (prepared.prepared.users, prepared.raw.users, encoding.user, encoding.user_features),
        (prepared.prepared.items, prepared.raw.items, encoding.item, encoding.item_features),
    ):
        table = pd.read_parquet(path)
        ids = table["raw_id"].tolist()
        assert_equal(encoder, ids, table[encoder.name])
        values = raw_values(raw, encoder.name, ids)
        for feature in features:
            assert_equal(feature, values[feature.name], table[feature.name])


def test_every_interaction_has_the_same_codes(prepared: Artifacts) -> None:
    """The rows that models train on hold, joined, what the server would look up."""
    encoding = Encoding.load(prepared.prepared.encoding)
    for part in ("train", "valid", "test"):
        files = sorted(prepared.prepared.interactions(part).glob("*.parquet"))
        rows = pd.concat([pd.read_parquet(file) for file in files])
        source = pd.read_parquet(prepared.prepared.raw_interactions(part)).astype(str)
        for raw, encoder, features in (
            (prepared.raw.users, encoding.user, encoding.user_features),
            (prepared.raw.items, encoding.item, encoding.item_features),
        ):
            ids = source[encoder.name].tolist()
            assert_equal(encoder, ids, rows[encoder.name])
            values = raw_values(raw, encoder.name, ids)
            for feature in features:
                assert_equal(feature, values[feature.name], rows[feature.name])


def test_a_test_row_has_the_history_that_the_server_would_encode(prepared: Artifacts) -> None:
    """The most recent items of the training part, oldest first, unknown ones as code 2."""
    encoding = Encoding.load(prepared.prepared.encoding)
    source = pd.read_parquet(prepared.prepared.raw_interactions("test"))
    tested = set(zip(source["customer"], source["sku"], strict=True))
    everything = pd.read_parquet(prepared.raw.interactions).sort_values("at", kind="stable")
    past: dict[str, list[str]] = {}
    for user, item in zip(everything["customer"], everything["sku"], strict=True):
        if (user, item) not in tested:
            past.setdefault(user, []).append(str(item))
    served = encoding.encode_history([past[user] for user in source["customer"]])
    files = sorted(prepared.prepared.interactions("test").glob("*.parquet"))
    trained = pd.concat([pd.read_parquet(file) for file in files])["sku_history"]
    assert served.shape == (len(trained), 4)
    for row, codes in zip(served, trained, strict=True):
        assert row.tolist() == [*codes, *[0] * (4 - len(codes))]


def test_values_that_were_not_there_at_fit(prepared: Artifacts, tmp_path: Path) -> None:
    """New ids, new categories, new nulls through the saved NVTabular workflow and the server."""
    raw = Raw(tmp_path / "later")
    raw.root.mkdir()
    customers = ["Zoë", "new", "customer 1", "ψ-11"]
    write_table(
        raw.interactions, customer=customers, sku=[1, 99, 29, 2], at=[1, 2, 3, 4], stars=[1.0] * 4
    )
    write_table(
        raw.users,
        customer=customers,
        country=["XX", None, "中国", ""],
        age=[None, 10**9, -5, 30],
        member=pa.array([None, True, False, None], pa.bool_()),
        spent=[None, 1e30, -1.5, 7.5],
    )
    write_table(
        raw.items,
        sku=[1, 2, 29, 99],
        tags=[["never", None, "red", "blue"], [], None, [""]],
        sizes=pa.array([[7], None, [2**53, 2**53 + 1, -1], []], pa.list_(pa.int64())),
        brand=["brand 0", None, "only once", "brand 0 "],
        ean=pa.array([None, 2**53 + 1, 2**53 + 2, -1], pa.int64()),
        price=pa.array([None, 0.1, 1.0, -3.0], pa.float32()),
    )
    tables = read_tables(shop_recipe(), raw)
    rows = tables.interactions.merge(tables.users, on="customer").merge(tables.items, on="sku")
    with dask.config.set({"dataframe.convert-string": False}):
        workflow = Workflow.load(prepared.prepared.workflow)
        encoded = workflow.transform(rows.assign(**{PART: 0}))
    encoding = Encoding.load(prepared.prepared.encoding)
    for path, encoder, features in (
        (raw.users, encoding.user, encoding.user_features),
        (raw.items, encoding.item, encoding.item_features),
    ):
        ids = [str(one) for one in rows[encoder.name]]
        assert_equal(encoder, ids, encoded[encoder.name])
        values = raw_values(path, encoder.name, ids)
        for feature in features:
            assert_equal(feature, values[feature.name], encoded[feature.name])
    assert encoded["country"].tolist()[:2] == [2, 1]
