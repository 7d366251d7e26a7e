"""The feature store at a path or a URL."""

from pathlib import Path

from .feature_store import FeatureStore
from .sqlite_store import SqliteFeatureStore
from .urls import is_url


def open_store(
    where: str, *, recipe: str, deadline_s: float | None, read_only: bool, kept: int
) -> FeatureStore:
    """The store at ``where``; a missing one is noticed at the first call.

    Args:
        where: the path of a SQLite file, or the URL of a Redis (redis://, rediss://, unix://).
        recipe: the recipe's name, because a Redis may hold the stores of several recipes.
        deadline_s: seconds after which the server goes on without the store; None: wait for it.
        kept: how many recorded events to keep per user.

    Raises:
        StoreError: ``where`` is a URL, but not of a Redis.
    """
    if not is_url(where):
        return SqliteFeatureStore(Path(where), read_only, deadline_s=deadline_s, kept=kept)
    # Imported here: a server whose store is a file neither loads nor needs the package.
    from .redis_store import RedisFeatureStore

    return RedisFeatureStore(where, recipe, read_only, deadline_s=deadline_s, kept=kept)
