"""Features from a real Feast repository; skipped if Feast is not installed."""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from ensemble.feature_store.choice import opened_store
from ensemble.feature_store.feast import feast_features
from ensemble.feature_store.user_features import put_features
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.ensemble.synthetic import RECIPE, write_artifacts

YAML = """
project: shop
registry: registry.db
provider: local
online_store: {type: sqlite, path: online.db}
offline_store: {type: dask}
entity_key_serialization_version: 3
"""


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Artifacts:
    return write_artifacts(tmp_path_factory.mktemp("feast") / "made-up")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a view `people` for users 7 and 8, applied and materialized."""
    feast = pytest.importorskip(
        "feast", reason="Feast is not installed: uv sync --extra cpu --extra feast"
    )
    from feast.types import Float64, Int64, String
    from feast.value_type import ValueType

    folder = tmp_path_factory.mktemp("repository")
    (folder / "feature_store.yaml").write_text(YAML)
    now = datetime.now(UTC)
    yesterday = now - timedelta(days=1)
    table = pd.DataFrame(
        {
            "user_id": [7, 7, 8],
            "age": [1, 31, None],
            "gender": ["F", "M", "F"],
            "shoe_size": [38.0, 39.0, 40.0],
            "at": [yesterday - timedelta(days=1), yesterday, yesterday],
        }
    ).astype({"age": "Int64"})
    table.to_parquet(folder / "people.parquet")
    entity = feast.Entity(name="person", join_keys=["user_id"], value_type=ValueType.INT64)
    source = feast.FileSource(path=str(folder / "people.parquet"), timestamp_field="at")
    schema = [
        feast.Field(name="age", dtype=Int64),
        feast.Field(name="gender", dtype=String),
        feast.Field(name="shoe_size", dtype=Float64),
    ]
    ttl = timedelta(days=30)
    people = feast.FeatureView(
        name="people", entities=[entity], ttl=ttl, schema=schema, source=source
    )
    shoes = feast.FeatureView(
        name="shoes", entities=[entity], ttl=ttl, schema=schema[2:], source=source
    )
    store = feast.FeatureStore(repo_path=str(folder))
    store.apply([entity, people, shoes])
    store.materialize(now - timedelta(days=10), now)
    return folder


@pytest.mark.parametrize("offline", [False, True], ids=["online", "offline"])
def test_the_newest_features_go_into_the_store(
    artifacts: Artifacts, repository: Path, offline: bool
) -> None:
    """Users of the recipe that the view has get its features, and keep their others."""
    with opened_store(RECIPE, artifacts) as store:
        users = [str(user) for user in (7, 8, 9)]
        store.clear_features()
        put_features(store, [(user, {"gender": "?", "income": 2.0}) for user in users])
        found = feast_features(RECIPE, artifacts, repository, "people", offline=offline)
        assert put_features(store, found) == 2
        features = [record.features for record in store.get_many(users, "any") if record]
    assert features == [
        {"gender": "M", "income": 2.0, "age": 31},
        {"gender": "F", "income": 2.0, "age": None},
        {"gender": "?", "income": 2.0},
    ]


def test_a_view_that_does_not_fit_is_named(artifacts: Artifacts, repository: Path) -> None:
    """The error lists what exists, and what the recipe could use."""
    for view, complaint in [
        ("peple", r"one of the feature views of .* \(people, shoes\), got 'peple'"),
        ("shoes", r"user features \(age, gender, income\), got .* the features shoe_size"),
    ]:
        with pytest.raises(ShortlistError, match=complaint):
            list(feast_features(RECIPE, artifacts, repository, view, offline=False))


def test_a_folder_that_is_no_repository_is_named(artifacts: Artifacts, tmp_path: Path) -> None:
    """The error names the expected file."""
    pytest.importorskip("feast", reason="Feast is not installed")
    with pytest.raises(ShortlistError, match=r"feature_store\.yaml, got "):
        list(feast_features(RECIPE, artifacts, tmp_path, "people", offline=False))


def test_without_feast_the_extra_is_named(
    artifacts: Artifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error gives the command that installs Feast."""
    monkeypatch.setitem(sys.modules, "feast", None)
    with pytest.raises(ShortlistError, match="--extra feast"):
        list(feast_features(RECIPE, artifacts, tmp_path, "people", offline=False))
