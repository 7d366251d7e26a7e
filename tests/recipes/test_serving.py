"""The serving table of a recipe: its store, and what users had already."""

from typing import Any

import pytest
from pydantic import ValidationError

from recipes.schema.recipe import Recipe
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


@pytest.mark.parametrize(("given", "read"), [("all", "all"), ("none", ()), ([], ()), ((), ())])
def test_what_users_had_is_left_out_or_not(given: object, read: object) -> None:
    """All of it by default; an empty list and `none` are the same."""
    assert Serving.model_validate({"exclude": given}).exclude == read
    assert Serving().exclude == "all"
    again = Serving.model_validate_json(
        Serving.model_validate({"exclude": given}).model_dump_json()
    )
    assert again.exclude == read


@pytest.mark.parametrize("given", ["seen", ["purchase"], True, None, 3])
def test_nothing_else_can_be_left_out(given: object) -> None:
    """The message shows what is allowed."""
    with pytest.raises(ValidationError, match=r"expected 'all', 'none' or \[\], got"):
        Serving.model_validate({"exclude": given})


def grocer(**tables: Any) -> Recipe:
    """A recipe with the candidate generator `repeat`; keyword arguments replace whole tables."""
    content = {
        "name": "grocer",
        "source": {"kind": "parquet", "interactions": "baskets.parquet"},
        "columns": {"user": "customer", "item": "product"},
        "split": {"kind": "random"},
        "serving": {"exclude": [], "generators": ["two-tower", "repeat"]},
    }
    return Recipe.model_validate({**content, **tables}, strict=False)


def test_the_ranker_reads_what_the_generator_knows() -> None:
    """By default with the generator; a recipe's own list of features stays as it is."""
    plain = grocer(serving={}).ranker_features
    assert grocer().ranker_features == (*plain, "repeat", "repeat_zscore")
    named = {"features": ["retrieval_score"]}
    assert grocer(ranker=named).ranker_features == ("retrieval_score",)
    assert grocer(ranker={"kind": "none"}).ranker_features == ()


def test_own_items_need_a_place_in_the_answer() -> None:
    """The generator without `exclude`, and its table without the generator, would do nothing."""
    with pytest.raises(
        ValidationError, match=r"expected serving.exclude = \[\] with the generator"
    ):
        grocer(serving={"generators": ["two-tower", "repeat"]})
    half_life = {"half_life": 5.0}
    assert grocer(repeat=half_life).repeat.half_life == 5
    with pytest.raises(ValidationError, match=r"for the table \[repeat\], got neither"):
        grocer(repeat=half_life, serving={})
