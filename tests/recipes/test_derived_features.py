"""What a recipe may say of features that the interactions or times make."""

import pytest

from features.kinds.age import Age
from recipes.load import of_tables
from recipes.schema.recipe import Recipe
from stages.errors import ShortlistError


def recipe_of(feature: dict[str, object], **tables: object) -> Recipe:
    return of_tables(
        {
            "name": "shop",
            "source": {"kind": "parquet", "interactions": "orders.parquet"},
            "columns": {"user": "customer", "item": "product", "timestamp": "at", "label": "stars"},
            "features": {"item": {"it": feature}},
            "split": {"kind": "random"},
            **tables,
        }
    )


@pytest.mark.parametrize(
    ("feature", "complaint"),
    [
        ({"kind": "count", "of": "price"}, "it is for kind 'age', 'combined' or 'target'"),
        ({"kind": "count", "fill": 1.0}, "it is for kind 'age' or 'numeric'"),
        ({"kind": "target", "fill": 1.0}, "features.item.it.fill: kind 'target' does not read"),
        ({"kind": "age", "of": ["a", "b"]}, "`of` must be its name"),
        ({"kind": "target", "of": ["a", "a"]}, "`of` has a name twice"),
        ({"kind": "numeric", "days": 7}, "it is for kind 'count'"),
        ({"kind": "age", "positive": True}, "it is for kind 'count'"),
        ({"kind": "count", "days": 0}, "greater than 0"),
        ({"kind": "count", "folds": 3}, "it is for kind 'target'"),
        ({"kind": "numeric", "smoothing": 1.0}, "it is for kind 'target'"),
        ({"kind": "target", "folds": 1}, "greater than or equal to 2"),
        (
            {"kind": "count", "frequency_threshold": 2},
            "it is for kind 'categorical', 'combined' or 'text'",
        ),
        ({"kind": "count", "hash_bins": 9}, "it is for kind 'categorical', 'combined' or 'text'"),
        ({"kind": "age", "shared": "day"}, "it is for kind 'categorical' or 'text'"),
        ({"kind": "combined", "of": ["a", "b"], "shared": "day"}, "'combined' does not read"),
        ({"kind": "target", "keep": "last"}, "it is for kind 'categorical' or 'text'"),
        ({"kind": "combined", "of": ["a", "b"], "log": True}, "'combined' does not read this key"),
        ({"kind": "categorical", "pad": True}, "`pad` is read where list is true"),
        ({}, "features.item.it.kind: expected 'age', 'bucket'"),
        ({"kind": "word"}, "features.item.it.kind: expected 'age', 'bucket'"),
        ({"kind": "combined", "of": "a"}, "needs `of`, two features or more"),
        ({"kind": "categorical", "of": "price"}, "it is for kind 'age', 'combined' or 'target'"),
    ],
)
def test_options_belong_to_their_kinds(feature: dict[str, object], complaint: str) -> None:
    """What would have no effect is refused, with the kinds that it is for."""
    with pytest.raises(ShortlistError, match=complaint):
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
        (
            {"kind": "target"},
            {"ranker": {"kind": "wide-and-deep", "crossed_features": [["it", "product"]]}},
            "categories are",
        ),
    ],
)
def test_they_need_what_they_are_made_of(
    feature: dict[str, object], tables: dict[str, object], complaint: str
) -> None:
    """A time, a label or a ranker that the recipe does not have is asked for by its key."""
    with pytest.raises(ShortlistError, match=complaint):
        recipe_of(feature, **tables)


def test_a_count_does_not_take_the_name_of_a_column() -> None:
    """Both would be one raw value of a user."""
    features = {"item": {"sold": {"kind": "count"}, "rate": {"kind": "target", "of": "sold"}}}
    with pytest.raises(ShortlistError, match="'sold' of kind 'count' has the name of a column"):
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
    with pytest.raises(ShortlistError, match=complaint):
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
    recipe = recipe_of({}, features={"item": features})
    columns = {"brand": "brand", "shelf": "rate", "listed": "listed"}
    assert recipe.features.columns("item") == columns
    assert recipe.features.counts("item") == ["sold"]
    assert Age(of=("made",)).columns("it") == ("made",)
