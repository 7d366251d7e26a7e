"""``[source.columns]`` says how a column is called in the source, and how its values are read."""

import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipes.load import load
from sources.ingest import ingest
from stages.artifacts import Artifacts, Raw
from stages.errors import ShortlistError
from tests.sources import shop

NOON = datetime.datetime(2024, 3, 1, 12, tzinfo=datetime.UTC)
TIMES = [NOON + datetime.timedelta(minutes=minute) for minute in range(4)]


def ingested(folder: Path, options: str, recipe: str = shop.RECIPE, **tables: Any) -> Raw:
    """Ingest the shop with these lines in ``[source.columns]``."""
    recipe = recipe.replace("[columns]", f"[source.columns]\n{options}\n[columns]")
    artifacts = Artifacts(folder / "artifacts")
    ingest(shop.write(folder, recipe, **tables), artifacts, None)
    return artifacts.raw


def renamed(table: dict[str, Any], **names: str) -> dict[str, Any]:
    """``table`` with columns of other names."""
    return {names.get(name, name): values for name, values in table.items()}


def test_a_column_may_have_another_name_in_each_table(tmp_path: Path) -> None:
    """The raw tables have the recipe's names; ids are called differently in the source's tables."""
    raw = ingested(
        tmp_path,
        'product = { interactions = "sku", items = "item id" }\ncustomer = { users = "id" }',
        orders=renamed(shop.ORDERS, product="sku"),
        products=renamed(shop.PRODUCTS, product="item id"),
        customers=renamed(shop.CUSTOMERS, customer="id"),
    )
    assert pq.read_table(raw.interactions).to_pydict() == shop.ORDERS
    assert pq.read_table(raw.users).to_pydict() == shop.CUSTOMERS
    assert pq.read_table(raw.items).to_pydict() == shop.PRODUCTS


def test_a_name_of_both_tables_may_be_two_features(tmp_path: Path) -> None:
    """Users and items have an ``age`` and items a ``name`` twice; a struct's field has a short name."""
    recipe = shop.RECIPE.replace(
        "[split]",
        'shelf_age = { kind = "numeric" }\nwords = { kind = "text" }\n'
        'maker = { kind = "categorical" }\n[split]',
    )
    products = shop.PRODUCTS | {"age": [1, 2, 3], "made": [{"by": name} for name in "abc"]}
    options = (
        'shelf_age = { items = "age" }\nwords = { items = "name" }\nmaker = { items = "made.by" }'
    )
    raw = ingested(tmp_path, options, recipe, products=products)
    items = pq.read_table(raw.items).to_pydict()
    assert items["shelf_age"] == [1, 2, 3]
    assert items["words"] == items["name"] == shop.PRODUCTS["name"]
    assert items["maker"] == ["a", "b", "c"]
    assert pq.read_table(raw.users)["age"].to_pylist() == shop.CUSTOMERS["age"]


def test_a_table_that_is_left_out_has_the_ids_as_they_were_read(tmp_path: Path) -> None:
    """The alias and the cast of an id apply once, in the interactions."""
    recipe = shop.RECIPE.replace('users = "customers.parquet"\n', "")
    recipe = recipe.replace('age = { kind = "bucket", boundaries = [30, 60] }\n', "")
    recipe = recipe.replace('city = { kind = "categorical" }\n', "")
    raw = ingested(
        tmp_path,
        'customer = { interactions = "who", cast = "string" }',
        recipe,
        orders=renamed(shop.ORDERS, customer="who"),
    )
    assert pq.read_table(raw.users).to_pydict() == {"customer": ["7", "9", "8"]}


def test_ids_become_one_type(tmp_path: Path) -> None:
    """Numbers in one table and text in another, or floats because of a null elsewhere, can be cast."""
    customers = shop.CUSTOMERS | {"customer": ["7", " 8", "009"]}
    raw = ingested(tmp_path, 'customer = { cast = "integer" }', customers=customers)
    assert pq.read_table(raw.users)["customer"].to_pylist() == [7, 8, 9]
    raw = ingested(
        tmp_path,
        'customer = { cast = "string" }',
        customers=shop.CUSTOMERS | {"customer": ["7", "8", "9"]},
    )
    assert pq.read_table(raw.interactions)["customer"].to_pylist() == ["7", "7", "9", "8"]
    floats = shop.CUSTOMERS | {"customer": [7.0, 8.0, 9.0]}
    raw = ingested(tmp_path, 'customer = { cast = "integer" }', customers=floats)
    assert pq.read_table(raw.users)["customer"].to_pylist() == [7, 8, 9]


CASTS: list[tuple[pa.Array, str, list[Any]]] = [
    (pa.array(["$12.50", " -1,299.00 ", ""]), 'cast = "float"', [12.5, -1299.0, None]),
    (pa.array(["€ 1'000.5", "12 CHF", "-$3"]), 'cast = "float"', [1000.5, 12.0, -3.0]),
    (pa.array(["1e3", "+.5", None]), 'cast = "float"', [1000.0, 0.5, None]),
    (pa.array([True, None, False]), 'cast = "float"', [1.0, None, 0.0]),
    (pa.array(["1,299", "7", " "]), 'cast = "integer"', [1299, 7, None]),
    (pa.array([b"a", None, "ä".encode()]), 'cast = "string"', ["a", None, "ä"]),
    (pa.array([1, None, 3], pa.int8()), 'cast = "string"', ["1", None, "3"]),
    (pa.array(["A|B", None, " C | |D|"]), 'separator = "|"', [["A", "B"], None, ["C", "D"]]),
    (
        pa.array(["1;2", "", "3"]),
        'separator = ";", cast = "integer"',
        [[1, 2], [], [3]],
    ),
    (pa.array([["1"], None, ["2", None]]), 'cast = "float"', [[1.0], None, [2.0, None]]),
]


@pytest.mark.parametrize(("values", "option", "expected"), CASTS)
def test_values_are_cast(
    tmp_path: Path, values: pa.Array, option: str, expected: list[Any]
) -> None:
    """Money, thousands, spaces, bytes and lists that are text; an empty text is a missing number."""
    is_list = any(isinstance(each, list) for each in expected)
    made = f'made = {{ kind = "categorical", list = {str(is_list).lower()} }}\n[split]'
    table = pa.table(shop.PRODUCTS).append_column("made", values)
    raw = ingested(
        tmp_path,
        f"made = {{ {option} }}",
        shop.RECIPE.replace("[split]", made),
        products=table,
    )
    assert pq.read_table(raw.items)["made"].to_pylist() == expected


TIMED: list[tuple[list[Any], str]] = [
    ([int(each.timestamp() * 1000) for each in TIMES], 'unit = "ms"'),
    ([int(each.timestamp() * 10**6) for each in TIMES], 'unit = "us"'),
    ([int(each.timestamp() * 10**9) for each in TIMES], 'unit = "ns"'),
    ([each.timestamp() for each in TIMES], 'unit = "s"'),
    ([int(each.timestamp()) for each in TIMES], 'unit = "s"'),
    ([each.strftime("%d.%m.%Y %H:%M") for each in TIMES], 'format = "%d.%m.%Y %H:%M"'),
    ([each.strftime("%m/%d/%y %I:%M %p") for each in TIMES], 'format = "%m/%d/%y %I:%M %p"'),
    (
        [
            each.astimezone(datetime.timezone(datetime.timedelta(hours=hour))).strftime(
                "%d %b %Y %H:%M %z"
            )
            for hour, each in enumerate(TIMES)
        ],
        'format = "%d %b %Y %H:%M %z"',
    ),
    ([int(each.strftime("%Y%m%d%H%M")) for each in TIMES], 'format = "%Y%m%d%H%M"'),
]


@pytest.mark.parametrize(("values", "option"), TIMED)
def test_times_are_read_in_their_unit_or_format(
    tmp_path: Path, values: list[Any], option: str
) -> None:
    """Epochs of any unit, formats of text and of integers, and an offset from UTC in each row."""
    orders = shop.ORDERS | {"ordered_at": values}
    raw = ingested(tmp_path, f"ordered_at = {{ {option} }}", orders=orders)
    times = pq.read_table(raw.interactions)["ordered_at"]
    assert (times.type, times.to_pylist()) == (pa.timestamp("us", "UTC"), TIMES)


def test_iso_texts_need_no_option(tmp_path: Path) -> None:
    """Each row may have its own offset."""
    zones = [datetime.timezone(datetime.timedelta(hours=hour, minutes=30)) for hour in range(4)]
    texts = [each.astimezone(zone).isoformat() for each, zone in zip(TIMES, zones, strict=True)]
    raw = ingested(tmp_path, "", orders=shop.ORDERS | {"ordered_at": texts})
    assert pq.read_table(raw.interactions)["ordered_at"].to_pylist() == TIMES


UNREADABLE: list[tuple[list[Any], str, str]] = [
    (
        ["$5", "5,00", "free"],
        'cast = "float"',
        "a number such as .*'5,00' in row 1 .* rows: 2 of 3",
    ),
    (
        ["1", "x", "2"],
        'cast = "integer"',
        "an integer below.*'x' in row 1 .*; affected rows: 1 of 3",
    ),
    ([1.0, 2.5, None], 'cast = "integer"', "a whole number below.*2.5 in row 1 "),
    ([b"a", b"\xff", b"b"], 'cast = "string"', "text in UTF-8 in column 'made'"),
    (
        ["1;a", "", "2"],
        'separator = ";", cast = "integer"',
        "an integer.* in row 0 .* rows: 1 of 3",
    ),
    ([2**62, 1, 2], 'unit = "ms"', "the ms since 1970 of a time in the years 1 to 9999.* in row 0"),
    (
        ["31.02.2024", "x", None],
        'format = "%d.%m.%Y"',
        "in the format '%d.%m.%Y'.*; affected rows: 2 of 3",
    ),
    (
        [1, 2, 3],
        'separator = "|"',
        "expected text in column .*source.columns.made.separator applies",
    ),
    (
        ["a", "b", "c"],
        'unit = "s"',
        "expected numbers in column .*source.columns.made.unit applies",
    ),
    (["1", "2", "3"], 'format = "%Y%m%d%H"', "expected the format of a time in source.columns"),
]


@pytest.mark.parametrize(("values", "option", "complaint"), UNREADABLE)
def test_a_value_that_cannot_be_read_is_refused(
    tmp_path: Path, values: list[Any], option: str, complaint: str
) -> None:
    """The message has file, column, row, value, and how many rows have such values."""
    products = shop.PRODUCTS | {"made": values}
    made = 'made = { kind = "categorical", list = true }\n[split]'
    recipe = shop.RECIPE.replace("[split]", made)
    with pytest.raises(ShortlistError, match=complaint):
        ingested(tmp_path, f"made = {{ {option} }}", recipe, products=products)
    assert not (tmp_path / "artifacts").exists()


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("cty = {}", r"columns that the recipe uses, got 'cty' \(did you mean 'city'\?\)"),
        (
            'city = { items = "town" }',
            "source.columns.city to name it in tables where .*users.*`items`",
        ),
        ('city = { cast = "float", unit = "s" }', "one of `unit` and `cast`, got 2"),
        (
            'city = { cast = "double" }',
            "source.columns.city.cast: expected 'integer', 'float' or 'string'",
        ),
        ('city = { casts = "float" }', r"'casts' \(did you mean 'cast'\?\)"),
    ],
)
def test_an_option_that_nothing_reads_is_refused(
    tmp_path: Path, options: str, complaint: str
) -> None:
    """Unknown columns, other tables and contradictions are found before any file is read."""
    recipe = shop.RECIPE.replace("[columns]", f"[source.columns]\n{options}\n[columns]")
    (tmp_path / "shop.toml").write_text(recipe)
    with pytest.raises(ShortlistError, match=complaint):
        load(str(tmp_path / "shop.toml"))


def test_another_condition_or_option_makes_the_tables_new(tmp_path: Path) -> None:
    """Conditions decide which columns are kept, so another one reads the source again."""
    orders = shop.ORDERS | {"paid": ["$1", "$2", "$3", "$4"]}
    assert "paid" not in pq.read_schema(ingested(tmp_path, "", orders=orders).interactions).names
    recipe = shop.RECIPE.replace("[split]", '[interactions]\nfilter = "paid > 1"\n[split]')
    raw = ingested(tmp_path, 'paid = { cast = "float" }', recipe, orders=orders)
    assert pq.read_table(raw.interactions)["paid"].to_pylist() == [1, 2, 3, 4]
