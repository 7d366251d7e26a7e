"""Training-serving skew is zero: the server's look-ups give the codes of the fitted workflow."""

from pathlib import Path

import dask
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from nvtabular import Workflow

from ensemble.feature_store.user_records import fill_feature_store, training_records
from runtime.candidates.catalogue import Catalogue
from runtime.features.encoding import Encoding
from runtime.operators.encode_user import EncodeUser, EncodeUserConfig
from runtime.operators.look_up_user import LookUpUser, LookUpUserConfig
from runtime.release import ITEM_CODES, Release
from runtime.stores.sqlite_store import SqliteFeatureStore
from stages.artifacts import Artifacts, Raw
from stages.columns import HISTORY, PART, POSITIVE, RAW_ID
from tests.workflows.served import as_trained, assert_equal, assert_served_as_prepared, raw_values
from tests.workflows.shop import RECIPE as SHOP
from tests.workflows.shop import shop_recipe, write_shop, write_table
from workflows.operators.join import pandas_side
from workflows.prepare import prepare
from workflows.tables import read_tables

RECIPE = shop_recipe(
    vocabulary={"user_frequency_threshold": 20, "item_frequency_threshold": 2},
    features={
        "user": {
            **SHOP["features"]["user"],
            "country": {"kind": "categorical", "shared": "words"},
            "of_age": {"kind": "combined", "of": ["country", "age", "member"]},
            "height": {"kind": "categorical"},
            "floor": {"kind": "categorical", "hash_bins": 5},
            "where": {"kind": "combined", "of": ["floor", "height"], "hash_bins": 20},
            "same": {"kind": "numeric"},
            "income": {"kind": "numeric", "clip": [-5.0, 1e6], "log": True, "scale": "min-max"},
        },
        "item": {
            **SHOP["features"]["item"],
            "tags": {"kind": "categorical", "list": True, "max_length": 3, "shared": "words"},
            "sizes": {"kind": "categorical", "list": True, "hash_bins": 7},
            "parts": {"kind": "categorical", "list": True, "max_length": 1, "keep": "last"},
            "product": {"kind": "combined", "of": ["ean", "brand"], "frequency_threshold": 9},
        },
    },
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """The made-up shop of the workflow tests with some more unusual columns, prepared."""
    artifacts = Artifacts(tmp_path_factory.mktemp("skew") / "shop")
    write_shop(artifacts.raw)
    users = pq.read_table(artifacts.raw.users)
    odd = {
        "height": pa.array([0.1, 1e-7, -0.0, 0.0, 3.0, None, 1e22, 0.1, 1 / 3, 2.5, 1e16]),
        "floor": pa.array([-2, None, 3, 0, 1, -2, 3, 3, 0, None, 2**31 - 1], pa.int64()),
        "same": [2.0] * 11,
        "income": [0.1, None, -7.0, 1e9, 3.0, -0.0, 12.5, 1e-9, 77.7, 1 / 3, 5e5],
    }
    for name, values in odd.items():
        users = users.append_column(name, pa.array(values))
    pq.write_table(users, artifacts.raw.users)
    items = pq.read_table(artifacts.raw.items)
    pq.write_table(items.append_column("parts", items["sizes"]), artifacts.raw.items)
    prepare(RECIPE, artifacts, force=False, encoded_rows=True)
    return artifacts


def test_every_user_and_item_has_the_same_codes(prepared: Artifacts) -> None:
    """Nulls, empty lists, unicode, rare values, huge integers: equal, floats to the last bit."""
    assert_served_as_prepared(prepared)


def test_unknown_ids_and_known_ones_are_there(prepared: Artifacts) -> None:
    """The comparison covers ids above and below the frequency threshold on both sides."""
    for path, name in ((prepared.prepared.users, "customer"), (prepared.prepared.items, "sku")):
        codes = set(pd.read_parquet(path)[name])
        assert 2 in codes
        assert len(codes) > 2


def test_the_operators_of_the_server_give_the_same_codes(
    prepared: Artifacts, tmp_path: Path
) -> None:
    """Through the feature store and back, in one batch and one by one, nothing changes."""
    (tmp_path / "encoding").symlink_to(prepared.prepared.encoding.absolute())
    items = pd.read_parquet(prepared.prepared.items)
    Catalogue.write(tmp_path, items[RAW_ID].tolist())
    np.save(tmp_path / ITEM_CODES, items["sku"].to_numpy())
    store = SqliteFeatureStore(tmp_path / "store.sqlite")
    version = fill_feature_store(RECIPE, prepared, store).version
    release = Release(tmp_path, store)
    look_up = LookUpUser(LookUpUserConfig(release.encoding.user_columns, version), release)
    encode = EncodeUser(EncodeUserConfig(reads_repeats=False), release)

    def encoded(batch: list[str]) -> dict[str, np.ndarray]:
        columns: dict[str, np.ndarray] = {
            "user_id": np.array(batch, dtype=object),
            "user_features": np.array([{} for _ in batch], dtype=object),
        }
        columns |= look_up.run(columns)
        return encode.run(columns)

    trained = pd.read_parquet(prepared.prepared.users)
    users = trained[RAW_ID].tolist()
    together, alone = encoded(users), [encoded([user]) for user in users]
    for encoder in (release.encoding.user, *release.encoding.user_features):
        name = f"user.{encoder.name}"
        expected = as_trained(encoder, trained[encoder.name]).astype(together[name].dtype)
        assert together[name].tobytes() == expected.tobytes(), name
        assert np.concatenate([each[name] for each in alone]).tobytes() == expected.tobytes(), name


def test_every_interaction_has_the_same_codes(prepared: Artifacts) -> None:
    """The joined rows that models train on hold what the server would look up."""
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
            values = raw_values(raw, encoder.name, ids)
            for each in (encoder, *features):
                assert_equal(each, values, rows[each.name])


def test_a_test_row_has_the_history_that_the_server_would_encode(prepared: Artifacts) -> None:
    """The user's training part as the store holds it: recent items, oldest first, unknown as 2."""
    encoding = Encoding.load(prepared.prepared.encoding)
    records = dict(training_records(RECIPE, prepared))
    source = pd.read_parquet(prepared.prepared.raw_interactions("test"))
    served = encoding.encode_history([records[user].interactions for user in source["customer"]])
    files = sorted(prepared.prepared.interactions("test").glob("*.parquet"))
    trained = pd.concat([pd.read_parquet(file) for file in files])[HISTORY]
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
        height=[0.1 + 1e-17, 0.2, None, -0.0],
        floor=pa.array([-2, 99, None, 3], pa.int64()),
        same=[2.0, None, 3.0, -2.0],
        income=[1e12, None, -1e12, 0.7],
    )
    write_table(
        raw.items,
        sku=[1, 2, 29, 99],
        tags=[["never", None, "red", "blue"], [], None, [""]],
        sizes=pa.array([[7], None, [2**53, 2**53 + 1, -1], []], pa.list_(pa.int64())),
        parts=pa.array([[7], None, [1, 36], []], pa.list_(pa.int64())),
        brand=["brand 0", None, "only once", "brand 0 "],
        ean=pa.array([None, 2**53 + 1, 2**53 + 2, -1], pa.int64()),
        price=pa.array([None, 0.1, 1.0, -3.0], pa.float32()),
    )
    tables = read_tables(RECIPE, raw)
    users, items = pandas_side(tables.users), pandas_side(tables.items)
    interactions = tables.interactions.collect().to_pandas()
    rows = interactions.merge(users, on="customer").merge(items, on="sku")
    with dask.config.set({"dataframe.convert-string": False}):
        workflow = Workflow.load(prepared.prepared.workflow)
        encoded = workflow.transform(rows.assign(**{PART: 0, POSITIVE: 1.0}))
    encoding = Encoding.load(prepared.prepared.encoding)
    for path, encoder, features in (
        (raw.users, encoding.user, encoding.user_features),
        (raw.items, encoding.item, encoding.item_features),
    ):
        ids = [str(one) for one in rows[encoder.name]]
        values = raw_values(path, encoder.name, ids)
        for each in (encoder, *features):
            assert_equal(each, values, encoded[each.name])
    assert encoded["country"].tolist()[:2] == [2, 1]
