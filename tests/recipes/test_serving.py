"""The feature store of a recipe."""

import pytest
from pydantic import ValidationError

from recipes.schema.serving import Serving


@pytest.mark.parametrize(
    "store",
    ["sqlite", "redis://cache", "redis://cache:6379/2", "rediss://cache", "unix:///run/redis.sock"],
)
def test_a_store_is_a_file_or_a_redis(store: str) -> None:
    """By name, or by the URL of a Redis."""
    assert Serving(store=store).store == store


@pytest.mark.parametrize(
    "store", ["", "Sqlite", "cache:6379", "postgres://cache", "redis://", "redis"]
)
def test_another_store_is_refused(store: str) -> None:
    """The message shows what is allowed."""
    with pytest.raises(ValidationError, match=r"expected 'sqlite' or the URL of a Redis"):
        Serving(store=store)


@pytest.mark.parametrize(
    "store",
    ["redis://:s3cret@cache", "redis://me:s3cret@cache/1", "unix:///r.sock?password=s3cret"],
)
def test_a_recipe_holds_no_password(store: str) -> None:
    """The message says where it belongs."""
    with pytest.raises(ValidationError, match="SHORTLIST_FEATURE_STORE"):
        Serving(store=store)
