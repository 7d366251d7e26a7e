"""The feature store that a path or a URL names."""

from pathlib import Path

from .feature_store import FeatureStore
from .sqlite_store import SqliteFeatureStore
from .urls import is_url


def open_store(
    where: str, *, recipe: str, deadline_s: float | None, read_only: bool, kept: int
) -> FeatureStore:
    """The store at ``where``; whether it is there shows at the first call.

    Args:
        where: the path of a SQLite file, or the URL of a Redis (redis://, rediss://, unix://).
        recipe: a Redis may hold the stores of several recipes, by their names.
        deadline_s: seconds after which the server goes on without the store; None: wait for it.
        kept: how many recorded events of a user are kept.

    Raises:
        StoreError: ``where`` is a URL, and not of a Redis.
    """
    if not is_url(where):
        return SqliteFeatureStore(Path(where), read_only, deadline_s=deadline_s, kept=kept)
    # Where the store is a file, a server neither has the package in memory nor needs it.
    from .redis_store import RedisFeatureStore

    return RedisFeatureStore(where, recipe, read_only, deadline_s=deadline_s, kept=kept)
