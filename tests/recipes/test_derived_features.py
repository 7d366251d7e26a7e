"""What a recipe may say of features that the interactions or times make."""

import pytest
from pydantic import ValidationError

from features.schema import Feature
from recipes.schema.recipe import Recipe


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
        ({"kind": "count", "of": "price"}, "`of` is for kinds 'combined', 'age' and 'target'"),
        ({"kind": "count", "fill": 1.0}, "`fill` is for kinds 'numeric' and 'age'"),
        ({"kind": "target", "fill": 1.0}, "`fill` is for kinds 'numeric' and 'age'"),
        ({"kind": "age", "of": ["a", "b"]}, "`of` must be its name"),
        ({"kind": "target", "of": ["a", "a"]}, "`of` has a name twice"),
        ({"kind": "numeric", "days": 7}, "`days` and `positive` are for kind 'count'"),
        ({"kind": "age", "positive": True}, "`days` and `positive` are for kind 'count'"),
        ({"kind": "count", "days": 0}, "greater than 0"),
        ({"kind": "count", "folds": 3}, "`smoothing` and `folds` are for kind 'target'"),
        ({"kind": "numeric", "smoothing": 1.0}, "`smoothing` and `folds` are for kind 'target'"),
        ({"kind": "target", "folds": 1}, "greater than or equal to 2"),
        (
            {"kind": "count", "frequency_threshold": 2},
            "`frequency_threshold` and `hash_bins` are for kinds",
        ),
        ({"kind": "count", "hash_bins": 9}, "`frequency_threshold` and `hash_bins` are for kinds"),
        ({"kind": "age", "shared": "day"}, "`shared` is for kinds 'categorical' and 'text'"),
        ({"kind": "target", "keep": "last"}, "`max_length`, `keep` and `pad` are for lists"),
        ({"kind": "combined", "of": ["a", "b"], "log": True}, "`clip`, `log` and `scale` are for"),
        ({"kind": "combined", "of": "a"}, "needs `of`, two features or more"),
        (
            {"kind": "categorical", "of": "price"},
            "`of` is for kinds 'combined', 'age' and 'target'",
        ),
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


def test_a_target_is_not_of_a_combination() -> None:
    """It is of raw columns, and takes several of them."""
    features = {
        "colour": {"kind": "categorical"},
        "size": {"kind": "bucket", "boundaries": [1.0]},
        "look": {"kind": "combined", "of": ["colour", "size"]},
        "rate": {"kind": "target", "of": "look"},
    }
    complaint = "'look' of kind 'combined' has the name of a column that 'rate' is made of"
    with pytest.raises(ValidationError, match=complaint):
        recipe_of({}, features={"item": features})
    features["rate"] = {"kind": "target", "of": ["colour", "size"]}
    found = recipe_of({}, features={"item": features}).features
    assert found.columns("item") == {"colour": "colour", "size": "size"}


def test_a_count_of_all_times_needs_no_time() -> None:
    """Without `days` nothing is compared with the newest interaction."""
    columns = {"user": "customer", "item": "product"}
    assert recipe_of({"kind": "count"}, columns=columns).features.counts("item")


def test_raw_columns_are_named_once() -> None:
    """A column that several features are made of is read once; a count reads none. It stands for the feature
    of its own name, or else for the first."""
    features = {
        "rate": {"kind": "target", "of": ["brand", "shelf"]},
        "brand": {"kind": "categorical"},
        "listed": {"kind": "age"},
        "sold": {"kind": "count"},
    }
    recipe = recipe_of({"kind": "count"})
    recipe = Recipe.model_validate(
        recipe.model_dump() | {"features": {"item": features}}, strict=False
    )
    columns = {"brand": "brand", "shelf": "rate", "listed": "listed"}
    assert recipe.features.columns("item") == columns
    assert recipe.features.counts("item") == ["sold"]
    assert Feature(kind="age", of=("made",)).columns("it") == ("made",)
