"""Features from a Feast repository -> the feature store. Needs the extra ``feast``."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from ensemble.feature_store.user_features import FeaturesOfUser, checked, given_features
from recipes.schema.recipe import Recipe
from runtime.features.encoding import Encoding
from runtime.features.spelling import spell
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from stages.prerequisites import need

#: Users per call to Feast.
CHUNK = 10_000


def feast_features(
    recipe: Recipe, artifacts: Artifacts, repository: Path, view: str, *, offline: bool
) -> Iterator[FeaturesOfUser]:
    """Yield the current features of every user of the recipe from a Feast feature view.

    Args:
        repository: the folder of ``feature_store.yaml``, applied (``feast apply``).
        view: a feature view whose only entity is the user. Its features that have the name of one of
            the recipe's user features are used.
        offline: query the offline store; by default the online store, which must be filled
            (``feast materialize``).

    Raises:
        ShortlistError: Feast is not installed, there is no such view, or it does not match the recipe.
    """
    import pandas as pd

    feast, store = _opened(repository)
    try:
        found = store.get_feature_view(view)
    except feast.errors.FeastError as error:
        existing = ", ".join(each.name for each in store.list_feature_views()) or "none"
        raise ShortlistError(
            f"expected one of the feature views of {repository} ({existing}), got '{view}'"
        ) from error
    known = given_features(recipe)
    names = [each.name for each in found.features if each.name in known]
    keys = [each.name for each in found.entity_columns]
    if not names or len(keys) != 1:
        raise ShortlistError(
            f"expected '{view}' to have one entity and some of the recipe's user features "
            f"({', '.join(known)}), got the entities {', '.join(keys)} and the "
            f"features {', '.join(each.name for each in found.features)}"
        )
    wanted = [f"{view}:{name}" for name in names]
    dtype = Encoding.load(artifacts.prepared.encoding).user.dtype
    users = _users(recipe, artifacts)
    for start in range(0, len(users), CHUNK):
        chunk = users[start : start + CHUNK]
        if offline:
            entities = pd.DataFrame({keys[0]: chunk, "event_timestamp": datetime.now(UTC)})
            answer = store.get_historical_features(entities, wanted).to_df()
            columns = answer.astype(object).where(answer.notna(), None).to_dict("list")
        else:
            rows = [{keys[0]: user} for user in chunk]
            columns = store.get_online_features(wanted, rows).to_dict()
        for row, user in enumerate(columns[keys[0]]):
            features = {name: columns[name][row] for name in names}
            if any(value is not None for value in features.values()):
                try:
                    yield spell(user, dtype), checked(recipe, features)
                except ValueError as error:
                    raise ShortlistError(f"feature view '{view}', user {user}: {error}.") from error


def _opened(repository: Path) -> tuple[Any, Any]:
    """The package ``feast``, and the repository opened with it."""
    try:
        import feast
    except ImportError as error:
        raise ShortlistError(
            "expected the package feast, found none. Run: uv sync --extra cpu --extra feast"
        ) from error
    if not (repository / "feature_store.yaml").is_file():
        raise ShortlistError(f"expected a folder with a feature_store.yaml, got {repository}")
    return feast, feast.FeatureStore(repo_path=str(repository))


def _users(recipe: Recipe, artifacts: Artifacts) -> list[Any]:
    """Raw ids, with the type that they have in the data."""
    column = recipe.columns.user
    need(artifacts.raw.users, "prepare", recipe.given_as)
    ids = pq.read_table(artifacts.raw.users, columns=[column])[column]
    return list(pc.unique(ids).drop_null().to_pylist())
