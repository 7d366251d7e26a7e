"""`shortlist init` works out tables, columns and features from their names and values."""

import datetime
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipes.schema.recipe import Recipe as Settings
from scripts import cli
from shortlist import Recipe
from stages.errors import ShortlistError

_DAY = datetime.datetime(2024, 1, 1)
ROWS = 200
ORDERS: dict[str, list[Any]] = {
    "order_id": list(range(1000, 1000 + ROWS)),
    "customer_id": [row % 20 for row in range(ROWS)],
    "product_id": [f"p{row % 30}" for row in range(ROWS)],
    "ordered_at": [_DAY + datetime.timedelta(hours=row) for row in range(ROWS)],
}
CUSTOMERS: dict[str, list[Any]] = {
    "id": list(range(25)),
    "city": [("Bern", "Ulm", None)[row % 3] for row in range(25)],
    "email": [f"c{row}@example.org" for row in range(25)],
}
PRODUCTS: dict[str, list[Any]] = {
    "product_id": [f"p{row}" for row in range(30)],
    "name": [f"Product number {row}" for row in range(30)],
    "price": [2.5 * row for row in range(30)],
}


def _proposed(folder: Path, *tables: dict[str, Any], **options: Any) -> Settings:
    """The recipe for tables in files that are called 0, 1 and 2."""
    return _opened(folder, *tables, **options).settings


def _opened(folder: Path, *tables: dict[str, Any], **options: Any) -> Recipe:
    places = []
    for number, table in enumerate(tables):
        places.append(folder / f"{number}.parquet")
        pq.write_table(pa.table(table), places[-1])
    return Recipe.propose(places, out=folder / "out.toml", **options)


def _roles(settings: Settings) -> dict[str, str]:
    return settings.columns.model_dump(exclude_none=True)


def _features(settings: Settings) -> dict[str, dict[str, Any]]:
    return {
        name: each.model_dump(exclude_defaults=True) | {"kind": each.kind}
        for name, each in settings.features.both.items()
    }


def _with(**columns: list[Any]) -> dict[str, Any]:
    """The products with more columns, each repeated to their number."""
    return PRODUCTS | {name: (values * 30)[:30] for name, values in columns.items()}


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 1, 0)])
def test_three_tables_in_any_order(tmp_path: Path, order: tuple[int, ...]) -> None:
    """The table with the ids of both others is the interactions; keys may have other names."""
    tables = (ORDERS, CUSTOMERS, PRODUCTS)
    recipe = _opened(tmp_path, *(tables[number] for number in order))
    settings = recipe.settings
    source = settings.source
    files = [Path(path or "").name for path in (source.interactions, source.users, source.items)]
    assert files == [f"{order.index(number)}.parquet" for number in range(3)]
    assert _roles(settings) == {
        "user": "customer_id",
        "item": "product_id",
        "timestamp": "ordered_at",
        "title": "name",
    }
    assert source.columns["customer_id"].users == "id"
    assert settings.split.kind == "leave-last-out"
    assert _features(settings) == {
        "city": {"kind": "categorical"},
        "name": {"kind": "text"},
        "price": {"kind": "numeric"},
    }
    text = (tmp_path / "out.toml").read_text()
    assert "# without email: 25 distinct texts in 25 rows" in text
    assert "# 100% of its 20 values are in 'id' of" in text
    recipe = Recipe(tmp_path / "out.toml", tmp_path / "artifacts").read()
    assert pq.read_metadata(recipe.artifacts.raw.users).num_rows == 25


def test_ids_of_two_types_become_text(tmp_path: Path) -> None:
    """Integers in one table and text in the other are compared as text."""
    customers = CUSTOMERS | {"id": list(map(str, CUSTOMERS["id"]))}
    settings = _proposed(tmp_path, ORDERS, customers)
    assert settings.source.columns["customer_id"].cast == "string"
    recipe = Recipe(tmp_path / "out.toml", tmp_path / "artifacts").read()
    assert pq.read_schema(recipe.artifacts.raw.users).field("customer_id").type == pa.string()


@pytest.mark.parametrize(
    ("columns", "user", "item"),
    [
        (("userId", "movieId"), "userId", "movieId"),
        (("USER_ID", "ITEM_ID"), "USER_ID", "ITEM_ID"),
        (("sku", "visitor"), "visitor", "sku"),
        (("a", "b"), "a", "b"),
    ],
)
def test_one_table_by_its_names(
    tmp_path: Path, columns: tuple[str, str], user: str, item: str
) -> None:
    """Known words in any spelling; without one, users stand first."""
    first, second = (row % 20 for row in range(ROWS)), (f"x{row % 30}" for row in range(ROWS))
    table = {columns[0]: list(first), columns[1]: list(second), "n": [1] * ROWS}
    settings = _proposed(tmp_path, table)
    assert _roles(settings) == {"user": user, "item": item}
    assert settings.split.kind == "stratified"


def test_columns_may_be_named(tmp_path: Path) -> None:
    """The caller knows better; a wrong name is refused with the columns there are."""
    table = dict.fromkeys(("one", "two", "three"), ORDERS["customer_id"])
    assert _roles(_proposed(tmp_path, table, user="three", item="one")) == {
        "user": "three",
        "item": "one",
    }
    with pytest.raises(
        ShortlistError, match=r"as the user, got .four.\. Its columns are: one, two"
    ):
        _proposed(tmp_path, table, user="four", force=True)


@pytest.mark.parametrize(
    ("values", "reading"),
    [
        ([1704067200 + row for row in range(ROWS)], {}),
        ([1704067200000 + row for row in range(ROWS)], {"unit": "ms"}),
        ([f"{row % 28 + 1:02}.01.2024 12:00" for row in range(ROWS)], {"format": "%d.%m.%Y %H:%M"}),
    ],
)
def test_times_of_many_spellings(
    tmp_path: Path, values: list[Any], reading: dict[str, str]
) -> None:
    """Seconds and milliseconds since 1970, and texts with the day first."""
    settings = _proposed(tmp_path, ORDERS | {"ordered_at": values})
    assert settings.columns.timestamp == "ordered_at"
    found = settings.source.columns.get("ordered_at")
    assert (found.model_dump(exclude_none=True) if found else {}) == reading
    Recipe(tmp_path / "out.toml", tmp_path / "artifacts").read()


def test_few_interactions_a_user_are_split_by_time(tmp_path: Path) -> None:
    """There is hardly a last one to leave out."""
    users = [row % 150 for row in range(ROWS)]
    assert _proposed(tmp_path, ORDERS | {"customer_id": users}).split.kind == "temporal"


@pytest.mark.parametrize(
    ("name", "values", "positive"),
    [
        ("rating", [1, 2, 3, 4, 5], "rating >= 4"),
        ("stars", [0.5, 2.0, 3.5, 4.0, 5.0], "stars >= 4"),
        ("click", [0, 1], "click == 1"),
        ("event", ["view", "cart", "purchase"], "event in ['cart', 'purchase']"),
        ("event", ["play", "like"], None),
    ],
)
def test_what_counts_as_a_success(
    tmp_path: Path, name: str, values: list[Any], positive: str | None
) -> None:
    """High ratings, clicks, and events other than views; where nothing is weaker, everything."""
    settings = _proposed(tmp_path, ORDERS | {name: (values * ROWS)[:ROWS]})
    assert settings.interactions.positive == positive
    assert settings.columns.label == (None if name == "event" else name)


@pytest.mark.parametrize(
    ("values", "feature", "reading"),
    [
        (["A|B", "B|C", "A", "C"], {"kind": "categorical", "list": True}, {"separator": "|"}),
        ([["a", "b"], []], {"kind": "categorical", "list": True}, None),
        ([True, False], {"kind": "categorical"}, None),
        ([3, 1, 4, 1, 5], {"kind": "categorical"}, None),
        (list(range(100, 130)), None, None),
        ([30, 7, 19, *range(100, 127)], {"kind": "numeric"}, None),
        ([1.0] * 20 + [float(10**n) for n in range(10)], {"kind": "numeric", "log": True}, None),
        (["$12.50", "$1,200.00"], {"kind": "numeric", "log": True}, {"cast": "float"}),
        ([_DAY, _DAY.replace(year=2020)], {"kind": "age"}, None),
        (["01.02.2020", "31.12.2021"], {"kind": "age"}, {"format": "%d.%m.%Y"}),
        ([f"word {n} of many" for n in range(30)], {"kind": "text"}, None),
        ([f"https://x.org/{n}" for n in range(30)], None, None),
        (["one"], None, None),
        ([{"a": 1}], None, None),
    ],
)
def test_a_feature_for_a_column(
    tmp_path: Path,
    values: list[Any],
    feature: dict[str, Any] | None,
    reading: dict[str, str] | None,
) -> None:
    """By type and values; what nothing can be learnt from is left out, with a reason."""
    settings = _proposed(tmp_path, ORDERS, _with(extra=values))
    assert _features(settings).get("extra") == feature
    found = settings.source.columns.get("extra")
    assert (found.model_dump(exclude_none=True) if found else None) == reading
    assert ("# without extra: " in (tmp_path / "out.toml").read_text()) == (feature is None)
    Recipe(tmp_path / "out.toml", tmp_path / "artifacts").read()


def test_a_name_has_one_role(tmp_path: Path) -> None:
    """A feature that is called like a column of the interactions, or of the users, gets another name."""
    products = _with(ordered_at=[_DAY, _DAY.replace(year=2020)], city=["Bern", "Ulm"])
    settings = _proposed(tmp_path, ORDERS, CUSTOMERS, products)
    assert set(settings.features.item) == {"name", "price", "item_ordered_at", "item_city"}
    assert settings.source.columns["item_city"].items == "city"
    recipe = Recipe(tmp_path / "out.toml", tmp_path / "artifacts").read()
    assert set(pq.read_schema(recipe.artifacts.raw.users).names) == {"customer_id", "city"}
    assert "item_city" in pq.read_schema(recipe.artifacts.raw.items).names


@pytest.mark.parametrize(
    ("tables", "complaint"),
    [
        ([CUSTOMERS, PRODUCTS], "in which no column holds the unique ids of another table"),
        ([{"price": [1.5, 2.5]}], "expected a column with the ids of users in"),
        ([ORDERS] * 4, "expected one to three tables (interactions, users, items), got 4"),
        ([{name: values[:0] for name, values in ORDERS.items()}], "expected rows in"),
    ],
)
def test_tables_without_interactions_are_refused(
    tmp_path: Path, tables: list[dict[str, Any]], complaint: str
) -> None:
    """Nothing is written."""
    with pytest.raises(ShortlistError) as raised:
        _proposed(tmp_path, *tables)
    assert complaint in str(raised.value)
    assert not (tmp_path / "out.toml").exists()


def test_a_recipe_is_replaced_only_on_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is named after the interactions, and its paths are relative to it."""
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table(ORDERS), tmp_path / "data" / "My orders.parquet")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["init", "data/My orders.parquet"]) == 0
    text = Path("my-orders.toml").read_text()
    assert text in capsys.readouterr().out
    assert 'name = "my-orders"' in text
    assert f"interactions = {json.dumps('data/My orders.parquet')}  # 200 rows" in text
    assert cli.main(["init", "data/My orders.parquet"]) == 1
    assert "expected no file at my-orders.toml, got one" in capsys.readouterr().err
    assert cli.main(["init", "data/My orders.parquet", "--force"]) == 0
