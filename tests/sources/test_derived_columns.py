"""The raw columns of features of kind age and target are checked on ingest."""

from pathlib import Path
from typing import Any

import pytest

from sources.ingest import ingest
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.heard import heard
from tests.sources import shop

RECIPE = shop.RECIPE.replace(
    "[features.item]",
    """sold = { kind = "count" }
since = { kind = "age", of = "joined" }
[features.item]
brand_rate = { kind = "target", of = ["brand", "product"] }""",
)


def read(folder: Path, **columns: Any) -> list[str]:
    """Ingest the shop with these columns in customers and products, and return the log lines."""
    users = shop.CUSTOMERS | {"joined": columns.get("joined", [0, 86_400, None])}
    items = shop.PRODUCTS | {"brand": columns.get("brand", ["A", None, "B"])}
    recipe = shop.write(folder, RECIPE, customers=users, products=items)
    with heard() as said:
        ingest(recipe, Artifacts(folder / "artifacts"), None)
    return said


def test_a_count_needs_no_column(tmp_path: Path) -> None:
    """Seconds may have nulls, and a target may be computed over nulls and ids."""
    assert not any("sold" in line for line in read(tmp_path))


@pytest.mark.parametrize(
    ("columns", "complaint"),
    [
        (
            {"joined": ["2024-01-31", "soon", None]},
            "expected a time such as .* in column 'joined' of .* got 'soon' in row 1 .* rows: 1 of 3",
        ),
        (
            {"joined": [1.5, 2.5, None]},
            "'joined' of .* to be a time: .* set source.columns.joined.unit",
        ),
        (
            {"brand": [["A"], [], []]},
            "'brand' of .* to be one value per row, because .*brand_rate is not a list",
        ),
        (
            {"brand": [{"a": 1}] * 3},
            "'brand' of .* as features.item.brand_rate, got struct<.* fields instead: brand.a",
        ),
    ],
)
def test_other_columns_are_refused(tmp_path: Path, columns: dict[str, Any], complaint: str) -> None:
    """The message has the raw column, its expected type, and the feature that requires it."""
    with pytest.raises(ShortlistError, match=complaint):
        read(tmp_path, **columns)


def test_a_missing_column_is_named_with_the_feature(tmp_path: Path) -> None:
    """The message names the missing raw column, not the feature's name."""
    recipe = shop.write(tmp_path, RECIPE)
    with pytest.raises(
        ShortlistError, match=r"one column 'joined', .* names as features.user.since, .* got none"
    ):
        ingest(recipe, Artifacts(tmp_path / "artifacts"), None)
