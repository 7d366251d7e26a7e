"""What a recipe may say of features that the interactions or times make."""

import pytest
from pydantic import ValidationError

from recipes.data import Feature
from recipes.recipe import Recipe


def recipe_of(feature: dict[str, object], **tables: object) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "shop",
            "source": {"kind": "parquet", "interactions": "orders.parquet"},
            "columns": {"user": "customer", "item": "product", "timestamp": "at", "label": "stars"},
            "features": {"item": {"it": feature}},
            "split": {"kind": "random"},
            **tables,
        },
        strict=False,
    )


@pytest.mark.parametrize(
    ("feature", "complaint"),
    [
        ({"kind": "count", "of": "price"}, "`of` is for kinds 'age' and 'target'"),
        ({"kind": "count", "fill": 1.0}, "`fill` is for kinds 'numeric' and 'age'"),
        ({"kind": "target", "fill": 1.0}, "`fill` is for kinds 'numeric' and 'age'"),
        ({"kind": "age", "of": ["a", "b"]}, "`of` must be its name"),
        ({"kind": "target", "of": ["a", "a"]}, "`of` names a column twice"),
        ({"kind": "numeric", "days": 7}, "`days` and `positive` are for kind 'count'"),
        ({"kind": "age", "positive": True}, "`days` and `positive` are for kind 'count'"),
        ({"kind": "count", "days": 0}, "greater than 0"),
        ({"kind": "count", "folds": 3}, "`folds` is for kind 'target'"),
        ({"kind": "numeric", "smoothing": 1.0}, "`smoothing` is for kind 'target'"),
        ({"kind": "target", "folds": 1}, "greater than or equal to 2"),
        ({"kind": "count", "frequency_threshold": 2}, "`frequency_threshold` is for kinds"),
    ],
)
def test_options_belong_to_their_kinds(feature: dict[str, object], complaint: str) -> None:
    """What would have no effect is refused, with the kinds that it is for."""
    with pytest.raises(ValidationError, match=complaint):
        recipe_of(feature)


@pytest.mark.parametrize(
    ("feature", "tables", "complaint"),
    [
        (
            {"kind": "age"},
            {"columns": {"user": "customer", "item": "product"}},
            "kind 'age' of feature 'it' needs columns.timestamp",
        ),
        (
            {"kind": "count", "days": 30},
            {"columns": {"user": "customer", "item": "product"}},
            "`days` of feature 'it' needs columns.timestamp",
        ),
        (
            {"kind": "target"},
            {"columns": {"user": "customer", "item": "product"}},
            "kind 'target' of feature 'it' needs columns.label or interactions.positive",
        ),
        ({"kind": "target"}, {"ranker": {"kind": "none"}}, "is for a ranker of its own"),
        (
            {"kind": "target"},
            {"ranker": {"target": "label"}, "joint": {}},
            "is for a ranker of its own",
        ),
        ({"kind": "count"}, {"ranker": {"ids": False}}, "leaves the ranker without a category"),
        ({"kind": "target"}, {"ranker": {"crosses": [["it", "product"]]}}, "categories are"),
    ],
)
def test_they_need_what_they_are_made_of(
    feature: dict[str, object], tables: dict[str, object], complaint: str
) -> None:
    """A time, a label or a ranker that the recipe does not have is asked for by its key."""
    with pytest.raises(ValidationError, match=complaint):
        recipe_of(feature, **tables)


def test_a_count_does_not_take_the_name_of_a_column() -> None:
    """Both would be one raw value of a user."""
    features = {"item": {"sold": {"kind": "count"}, "rate": {"kind": "target", "of": "sold"}}}
    with pytest.raises(ValidationError, match="'sold' of kind 'count' has the name of a column"):
        recipe_of({"kind": "count"}, features=features)


def test_a_count_of_all_times_needs_no_time() -> None:
    """Without `days` nothing is compared with the newest interaction."""
    columns = {"user": "customer", "item": "product"}
    assert recipe_of({"kind": "count"}, columns=columns).features.counts("item")


def test_raw_columns_are_named_once() -> None:
    """A column that several features are made of is read once; a count reads none."""
    features = {
        "brand": {"kind": "categorical"},
        "rate": {"kind": "target", "of": ["brand", "shelf"]},
        "listed": {"kind": "age"},
        "sold": {"kind": "count"},
    }
    recipe = recipe_of({"kind": "count"})
    recipe = Recipe.model_validate(
        recipe.model_dump() | {"features": {"item": features}}, strict=False
    )
    assert list(recipe.features.columns("item")) == ["brand", "shelf", "listed"]
    assert list(recipe.features.counts("item")) == ["sold"]
    assert Feature(kind="age", of=("made",)).columns("it") == ("made",)
