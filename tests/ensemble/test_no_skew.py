"""Training-serving skew is zero: the server's codes are those of the fitted NVTabular workflow."""

import workflows.merlin_compat  # noqa: F401  isort: skip

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemble.runtime.encoding import Encoder, Encoding, spell
from ensemble.runtime.operators.encode_user import EncodeUser
from ensemble.runtime.operators.look_up_user import LookUpUser, LookUpUserConfig
from ensemble.runtime.operators.operator import Config
from ensemble.runtime.release import Release
from ensemble.runtime.sqlite_store import SqliteFeatureStore
from ensemble.user_records import fill_feature_store, training_records
from recipes.artifacts import Artifacts
from recipes.recipe import Recipe
from workflows.prepare import prepare

USERS, ITEMS = 60, 90

RECIPE = Recipe.model_validate(
    {
        "name": "odd-values",
        "source": {"kind": "parquet", "interactions": "interactions.parquet"},
        "columns": {"user": "who", "item": "what", "timestamp": "when"},
        "interactions": {"history_length": 5},
        "vocabulary": {"user_frequency_threshold": 3, "item_frequency_threshold": 2},
        "features": {
            "user": {
                "age": {"kind": "bucket", "boundaries": (18.0, 30.5, 50.0)},
                "city": {"kind": "categorical", "frequency_threshold": 2},
                "zip": {"kind": "categorical"},
                "member": {"kind": "categorical"},
                "height": {"kind": "categorical"},
                "income": {"kind": "numeric", "fill": 1.5},
                "same": {"kind": "numeric"},
                "tastes": {"kind": "categorical", "list": True, "max_length": 3},
            },
            "item": {
                "genres": {"kind": "categorical", "list": True, "max_length": 2},
                "price": {"kind": "numeric"},
                "year": {"kind": "bucket", "boundaries": (1990.0, 2000.0)},
            },
        },
        "split": {"kind": "random", "seed": 1},
    }
)


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    """Data full of nulls, rare values and odd spellings, prepared by the real workflow."""
    artifacts = Artifacts(tmp_path_factory.mktemp("skew"))
    artifacts.raw.root.mkdir()
    random = np.random.default_rng(5)

    def maybe(value: object) -> object:
        return None if random.random() < 0.15 else value

    who = [f"user {n}" if n % 2 else f"Üser-{n}" for n in range(USERS)]
    users = {
        "who": who,
        "age": pa.array([maybe(int(n)) for n in random.integers(10, 60, USERS)], pa.int64()),
        "city": [maybe(["Rome", "Oslo", "", " Oslo", f"only {n}"][n % 5]) for n in range(USERS)],
        "zip": pa.array([maybe(int(n)) for n in random.integers(-2, 4, USERS)], pa.int32()),
        "member": [maybe(bool(n % 2)) for n in range(USERS)],
        "height": [maybe([0.1, 1.75, 1e-7, -0.0, 3.0][n % 5]) for n in range(USERS)],
        "income": pa.array([maybe(float(n)) for n in random.normal(3, 2, USERS)], pa.float32()),
        "same": [2.0] * USERS,
        "tastes": [
            maybe([["jazz", None, "pop", "folk", "x"][m] for m in range(n % 6)][:5])
            for n in range(USERS)
        ],
    }
    pq.write_table(pa.table(users), artifacts.raw.users)
    items = {
        "what": range(100, 100 + ITEMS),
        "genres": [maybe([["a", "b", "c"][m] for m in range(n % 4)]) for n in range(ITEMS)],
        "price": [maybe(float(n)) for n in random.normal(10, 3, ITEMS)],
        "year": [maybe(int(n)) for n in random.integers(1980, 2010, ITEMS)],
    }
    pq.write_table(pa.table(items), artifacts.raw.items)
    pairs = sorted(
        {(int(u), int(i)) for u, i in random.integers(0, [USERS - 3, ITEMS - 5], (500, 2))}
    )
    interactions = {
        "who": [who[user] for user, _ in pairs],
        "what": [100 + item for _, item in pairs],
        "when": random.integers(0, 40, len(pairs)),  # many equal times
    }
    pq.write_table(pa.table(interactions), artifacts.raw.interactions)
    prepare(RECIPE, artifacts, force=False, say=lambda _: None)
    return artifacts


@pytest.fixture(scope="module")
def encoding(artifacts: Artifacts) -> Encoding:
    return Encoding.load(artifacts.prepared.encoding)


def _padded(column: pa.ChunkedArray, encoder: Encoder) -> np.ndarray:
    """A prepared column as the server would hold it."""
    if not encoder.shape:
        return column.to_numpy()
    rows = np.zeros((len(column), encoder.shape[0]), np.int64)
    for row, codes in zip(rows, column.to_pylist(), strict=True):
        row[: len(codes)] = codes
    return rows


@pytest.mark.parametrize("side", ["user", "item"])
def test_features_of_everybody_and_everything(
    artifacts: Artifacts, encoding: Encoding, side: str
) -> None:
    """For every user and item the server's codes equal the workflow's, to the bit of a float."""
    raw_path, prepared_path, identity, features = {
        "user": (
            artifacts.raw.users,
            artifacts.prepared.users,
            encoding.user,
            encoding.user_features,
        ),
        "item": (
            artifacts.raw.items,
            artifacts.prepared.items,
            encoding.item,
            encoding.item_features,
        ),
    }[side]
    raw = pq.read_table(raw_path).to_pydict()
    prepared = pq.read_table(prepared_path)
    keys = [spell(value, identity.dtype) for value in raw[identity.name]]
    place = {key: row for row, key in enumerate(prepared["raw_id"].to_pylist())}
    order = [place[key] for key in keys]
    assert len(keys) == prepared.num_rows
    assert {2} < set(prepared[identity.name].to_pylist())  # unknown ids and known ones
    for encoder in (identity, *features):
        expected = _padded(prepared[encoder.name], encoder)[order]
        actual = encoder.encode(raw[encoder.name])
        assert actual.tobytes() == expected.astype(actual.dtype).tobytes(), encoder.name


def test_the_operators_of_the_server_give_the_workflows_codes(
    artifacts: Artifacts, tmp_path: Path
) -> None:
    """Through the store and back, in one batch and one by one, nothing changes."""
    (tmp_path / "encoding").symlink_to(artifacts.prepared.encoding.absolute())
    prepared = pq.read_table(artifacts.prepared.users)
    users = prepared["raw_id"].to_pylist()
    item_ids = pq.read_table(artifacts.prepared.items)["raw_id"].to_pylist()
    (tmp_path / "item_ids.json").write_text(str(item_ids).replace("'", '"'))
    store = SqliteFeatureStore(tmp_path / "store.sqlite")
    fill_feature_store(RECIPE, artifacts, store)
    release = Release(tmp_path, store)
    look_up = LookUpUser(LookUpUserConfig(tuple(RECIPE.features.user)), release)
    encode = EncodeUser(Config(), release)

    def encoded(batch: list[str]) -> dict[str, np.ndarray]:
        columns: dict[str, np.ndarray] = {"user_id": np.array(batch, dtype=object)}
        columns |= look_up.run(columns)
        return encode.run(columns)

    together = encoded(users)
    alone = [encoded([user]) for user in users]
    for encoder in (release.encoding.user, *release.encoding.user_features):
        name = f"user.{encoder.name}"
        expected = _padded(prepared[encoder.name], encoder).astype(together[name].dtype)
        assert together[name].tobytes() == expected.tobytes(), name
        assert np.concatenate([each[name] for each in alone]).tobytes() == expected.tobytes(), name


def test_history_is_what_a_test_row_saw_in_training(
    artifacts: Artifacts, encoding: Encoding
) -> None:
    """A row of the test part has its user's whole training part as history: so has the server."""
    history = f"{RECIPE.columns.item}_history"
    rows = pq.read_table(sorted(artifacts.prepared.interactions("test").glob("*.parquet")))
    raw = pq.read_table(artifacts.prepared.raw_interactions("test"))
    records = dict(training_records(RECIPE, artifacts))
    users = raw[RECIPE.columns.user].to_pylist()
    assert len(users) == rows.num_rows > 50
    expected = np.zeros((len(users), encoding.history_length), np.int64)
    for row, codes in zip(expected, rows[history].to_pylist(), strict=True):
        row[: len(codes)] = codes
    actual = encoding.encode_history([records[user].interactions for user in users])
    assert actual.tolist() == expected.tolist()
