"""Recipes with features derived from interactions or times."""

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
        ({"kind": "count", "of": "price"}, "got one of kind 'age', 'combined' or 'target'"),
        ({"kind": "count", "fill": 1.0}, "got one of kind 'age' or 'numeric'"),
        ({"kind": "target", "fill": 1.0}, "features.item.it.fill: expected a key of kind 'target'"),
        ({"kind": "age", "of": ["a", "b"]}, "expected one column in `of` for kind 'age', got 2"),
        (
            {"kind": "target", "of": ["a", "a"]},
            r"expected each name once in `of`, got \['a', 'a'\]",
        ),
        ({"kind": "numeric", "days": 7}, "got one of kind 'count'"),
        ({"kind": "age", "positive": True}, "got one of kind 'count'"),
        ({"kind": "count", "days": 0}, "greater than 0"),
        ({"kind": "count", "folds": 3}, "got one of kind 'target'"),
        ({"kind": "numeric", "smoothing": 1.0}, "got one of kind 'target'"),
        ({"kind": "target", "folds": 1}, "greater than or equal to 2"),
        (
            {"kind": "count", "frequency_threshold": 2},
            "got one of kind 'categorical', 'combined' or 'text'",
        ),
        ({"kind": "count", "hash_bins": 9}, "got one of kind 'categorical', 'combined' or 'text'"),
        ({"kind": "age", "shared": "day"}, "got one of kind 'categorical' or 'text'"),
        ({"kind": "combined", "of": ["a", "b"], "shared": "day"}, "a key of kind 'combined', got"),
        ({"kind": "target", "keep": "last"}, "got one of kind 'categorical' or 'text'"),
        ({"kind": "combined", "of": ["a", "b"], "log": True}, "a key of kind 'combined', got one"),
        ({"kind": "categorical", "pad": True}, "expected `pad` only with list = true"),
        ({}, "features.item.it.kind: expected 'age', 'bucket'"),
        ({"kind": "word"}, "features.item.it.kind: expected 'age', 'bucket'"),
        ({"kind": "combined", "of": "a"}, "expected two or more features in `of`"),
        ({"kind": "categorical", "of": "price"}, "got one of kind 'age', 'combined' or 'target'"),
    ],
)
def test_options_belong_to_their_kinds(feature: dict[str, object], complaint: str) -> None:
    """An option without effect is refused; the error names the kinds that read it."""
    with pytest.raises(ShortlistError, match=complaint):
        recipe_of(feature)


@pytest.mark.parametrize(
    ("feature", "tables", "complaint"),
    [
        (
            {"kind": "age"},
            {"columns": {"user": "customer", "item": "product"}},
            "expected columns.timestamp for kind 'age' of feature 'it', got none",
        ),
        (
            {"kind": "count", "days": 30},
            {"columns": {"user": "customer", "item": "product"}},
            "expected columns.timestamp for `days` of feature 'it', got none",
        ),
        (
            {"kind": "target"},
            {"columns": {"user": "customer", "item": "product"}},
            "expected columns.label, interactions.positive or events.positives for kind 'target' of "
            "feature 'it', got none of them",
        ),
        (
            {"kind": "target"},
            {"ranker": {"kind": "none"}},
            "a ranker that is trained separately for kind 'target' of feature 'it', got no ranker",
        ),
        (
            {"kind": "target"},
            {"ranker": {"target": "label"}, "joint": {}},
            r"a ranker that is trained separately for kind 'target' of feature 'it', got \[joint\]",
        ),
        (
            {"kind": "target"},
            {"ranker": {"kind": "wide-and-deep", "crossed_features": [["it", "product"]]}},
            "to name categories, which are: customer, product; got 'it'",
        ),
    ],
)
def test_a_missing_time_label_or_ranker_is_named(
    feature: dict[str, object], tables: dict[str, object], complaint: str
) -> None:
    """The error names the key of the time, label or ranker that the recipe lacks."""
    with pytest.raises(ShortlistError, match=complaint):
        recipe_of(feature, **tables)


def test_a_count_with_the_name_of_a_column_is_refused() -> None:
    """Both would be the same raw value."""
    features = {"item": {"sold": {"kind": "count"}, "rate": {"kind": "target", "of": "sold"}}}
    complaint = (
        "a feature of kind 'count' not to have the name of a column, got 'sold', "
        "a column that 'rate' reads"
    )
    with pytest.raises(ShortlistError, match=complaint):
        recipe_of({"kind": "count"}, features=features)


def test_a_target_does_not_read_a_combination() -> None:
    """A target is computed from raw columns, and may combine several."""
    features = {
        "colour": {"kind": "categorical"},
        "size": {"kind": "bucket", "boundaries": [1.0]},
        "look": {"kind": "combined", "of": ["colour", "size"]},
        "rate": {"kind": "target", "of": "look"},
    }
    complaint = (
        "a feature of kind 'combined' not to have the name of a column, got 'look', "
        "a column that 'rate' reads"
    )
    with pytest.raises(ShortlistError, match=complaint):
        recipe_of({}, features={"item": features})
    features["rate"] = {"kind": "target", "of": ["colour", "size"]}
    found = recipe_of({}, features={"item": features}).features
    assert found.columns("item") == {"colour": "colour", "size": "size"}


def test_a_count_without_days_needs_no_time() -> None:
    """Without `days` nothing is compared with the newest interaction."""
    columns = {"user": "customer", "item": "product"}
    assert recipe_of({"kind": "count"}, columns=columns).features.counts("item")


def test_raw_columns_are_named_once() -> None:
    """A column that several features use is read once; a count reads none.

    The column is listed with the feature of its own name, or else with the first that uses it.
    """
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
