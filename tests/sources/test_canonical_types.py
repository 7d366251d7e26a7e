"""Whatever types a source has, the raw tables have few: int64, float64, string, bool, UTC times, lists."""

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from sources.canonical.types import decoded, decoded_type
from sources.ingest import ingest
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from tests.heard import heard
from tests.sources import shop

TIME = pa.timestamp("us", "UTC")
NOON = datetime.datetime(2024, 3, 1, 12, tzinfo=datetime.UTC)
MIDNIGHT = datetime.datetime(2024, 3, 1, tzinfo=datetime.UTC)


def items(
    folder: Path, values: pa.Array, kind: str = '{ kind = "categorical" }', columns: str = ""
) -> tuple[pa.ChunkedArray, list[str]]:
    """Ingest the shop with a column ``made`` of products; return it as stored, and the log lines."""
    recipe = shop.RECIPE.replace("[split]", f"made = {kind}\n[split]") + columns
    table = pa.table(shop.PRODUCTS).append_column("made", values)
    artifacts = Artifacts(folder / "artifacts")
    with heard() as said:
        ingest(shop.write(folder, recipe, products=table), artifacts, None)
    return pq.read_table(artifacts.raw.items)["made"], said


AGE = '{ kind = "age" }'
NUMBER = '{ kind = "numeric" }'
LIST = '{ kind = "categorical", list = true }'
HALF = np.float16(0.5)
WORDS = pa.array(["a", "b", "a"])
SHAPES: list[tuple[pa.Array, str, pa.DataType, list[Any]]] = [
    (pa.array([1, 2, None], pa.int8()), NUMBER, pa.int64(), [1, 2, None]),
    (pa.array([1, 2, 2**32 - 1], pa.uint32()), NUMBER, pa.int64(), [1, 2, 2**32 - 1]),
    (pa.array([1, 2, 2**63 - 1], pa.uint64()), NUMBER, pa.int64(), [1, 2, 2**63 - 1]),
    (pa.array([1, None, 2**63], pa.uint64()), NUMBER, pa.uint64(), [1, None, 2**63]),
    (pa.array(np.array([1, 0.5, -2], np.float16)), NUMBER, pa.float64(), [1, 0.5, -2]),
    (pa.array([0.5, None, 2], pa.float32()), NUMBER, pa.float64(), [0.5, None, 2]),
    (pa.array([1, None, 3], pa.decimal128(38, 0)), NUMBER, pa.int64(), [1, None, 3]),
    (pa.array([1, 2, Decimal(2**70)], pa.decimal256(50)), NUMBER, pa.float64(), [1, 2, 2.0**70]),
    (
        pa.array([Decimal("12.1"), None, 3], pa.decimal128(9, 1)),
        NUMBER,
        pa.float64(),
        [12.1, None, 3],
    ),
    (pa.array([Decimal("2.50")] * 3, pa.decimal256(50, 2)), NUMBER, pa.float64(), [2.5] * 3),
    (pa.array([True, None, False]), "", pa.bool_(), [True, None, False]),
    (WORDS.dictionary_encode(), "", pa.string(), ["a", "b", "a"]),
    (WORDS.cast(pa.large_string()), "", pa.string(), ["a", "b", "a"]),
    (
        pa.array([[1], [], None], pa.large_list(pa.int8())),
        LIST,
        pa.list_(pa.int64()),
        [[1], [], None],
    ),
    (
        pa.array([[HALF, None]] * 3, pa.list_(pa.float16(), 2)),
        LIST,
        pa.list_(pa.float64()),
        [[0.5, None]] * 3,
    ),
    (
        pa.ListArray.from_arrays([0, 2, 2, 3], WORDS.dictionary_encode()),
        LIST,
        pa.list_(pa.string()),
        [["a", "b"], [], ["a"]],
    ),
    (pa.array([MIDNIGHT.date(), None, None]), AGE, TIME, [MIDNIGHT, None, None]),
    (pa.array([MIDNIGHT.date(), None, None], pa.date64()), AGE, TIME, [MIDNIGHT, None, None]),
    (
        pa.array(["1969-12-31T23:59:59.5Z", "2024-03-01 17:30:00+05:30", "20240301T12Z"[:8]]),
        AGE,
        TIME,
        [datetime.datetime(1969, 12, 31, 23, 59, 59, 500_000, datetime.UTC), NOON, MIDNIGHT],
    ),
    (pa.array(["2024-03-01T12:00", "2024-03-01 12", None]), AGE, TIME, [NOON, NOON, None]),
    (
        pa.array(["2024-03-01T12:00:00Z", "2024-03-01T17:30:00.000000+05:30", None]),
        AGE,
        TIME,
        [NOON, NOON, None],
    ),
    (
        pa.array(["2024-03-01T12:00", "2024-03-01T10:00:00.000000000-02", " "]),
        AGE,
        TIME,
        [NOON, NOON, None],
    ),
]


@pytest.mark.parametrize(("values", "kind", "dtype", "expected"), SHAPES)
def test_values_keep_their_meaning_in_a_canonical_type(
    tmp_path: Path, values: pa.Array, kind: str, dtype: pa.DataType, expected: list[Any]
) -> None:
    """Numbers widen, encodings are decoded, dates are midnights, and ISO texts are times."""
    stored, _ = items(tmp_path, values, kind or '{ kind = "categorical" }')
    assert stored.type == dtype
    assert stored.to_pylist() == expected


@pytest.mark.parametrize(
    "values",
    [
        WORDS.cast(pa.string_view()),
        pc.run_end_encode(WORDS),
        WORDS.cast(pa.large_string()).dictionary_encode(),
    ],
    ids=str,
)
def test_encodings_of_tables_in_memory_are_decoded(values: pa.Array) -> None:
    """Sources that read no Parquet may return types that Parquet does not have."""
    assert decoded(values).equals(WORDS)
    assert decoded_type(values.type) == pa.string()


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Z", "+05:30", "-08:00", "GMT+2", "Europe/Zurich"])
def test_a_time_is_its_moment_in_utc(tmp_path: Path, unit: str, zone: str | None) -> None:
    """Units and zones, also those that Polars refuses, change nothing; a time without a zone is UTC."""
    values = pa.array([NOON] * 3, pa.timestamp("us", "UTC")).cast(pa.timestamp(unit, zone))
    stored, _ = items(tmp_path, values, AGE)
    assert (stored.type, stored.to_pylist()) == (TIME, [NOON] * 3)


def test_every_cent_is_the_nearest_float(tmp_path: Path) -> None:
    """A condition such as price == 12.10 holds for a decimal 12.10; digits are lost silently nowhere."""
    cents = [Decimal(number) / 100 for number in (1210, 3, 999_999_999_999_999)]
    stored, said = items(tmp_path, pa.array(cents, pa.decimal128(20, 2)), NUMBER)
    assert stored.to_pylist() == [float(each) for each in cents]
    assert not any("rounded" in line for line in said)


def test_digits_that_a_float_cannot_hold_are_told_once(tmp_path: Path) -> None:
    """One line names column and file, however many values are rounded."""
    long = pa.array([Decimal("1234567890123456789.01")] * 3, pa.decimal256(50, 2))
    stored, said = items(tmp_path, long, NUMBER)
    assert stored.to_pylist() == [1234567890123456789.01] * 3
    lines = [line for line in said if "rounded" in line]
    assert len(lines) == 1
    assert lines[0].startswith("column 'made' of")
    assert "products.parquet" in lines[0]


REFUSED: list[tuple[pa.Array, str]] = [
    (pa.array([datetime.time(1)] * 3), "got time64.*Write it as a number"),
    (pa.array([datetime.timedelta(1)] * 3), "got duration.*Write it as a number"),
    (pa.array([b"a", b"b", b"c"]), "got binary.*set source.columns.made.cast = 'string'"),
    (pa.array([[("a", 1)]] * 3, pa.map_(pa.string(), pa.int64())), "got map<"),
    (pa.array([[["a"]]] * 3), "got list<.*: list<.*one list per row"),
    (pa.array([{"a": {"b": 1}, "c": 2}] * 3), "got struct<.*fields instead: made.a.b, made.c"),
    (
        pa.array([10**15, 0, 0]).view(pa.timestamp("s")),
        "got the timestamp.* in row 0 .* rows: 1 of 3",
    ),
    (pa.array([2**31 - 1, 0, 0], pa.int32()).view(pa.date32()), "got the date32.* rows: 1 of 3"),
]


@pytest.mark.parametrize(("values", "complaint"), REFUSED)
def test_other_types_are_refused_only_where_they_are_used(
    tmp_path: Path, values: pa.Array, complaint: str
) -> None:
    """The message has file, column, key and type; a column that no recipe names is passed over."""
    with pytest.raises(ShortlistError, match=f"(?s)'made' of .*products.parquet.*{complaint}"):
        items(tmp_path, values)
    table = pa.table(shop.PRODUCTS).append_column("made", values)
    artifacts = Artifacts(tmp_path / "artifacts")
    with heard() as said:
        ingest(shop.write(tmp_path, products=table), artifacts, None)
    assert pq.read_table(artifacts.raw.items).to_pydict() == shop.PRODUCTS
    assert any(line.endswith("that the recipe does not use: made") for line in said)


def test_a_field_of_a_struct_is_a_column(tmp_path: Path) -> None:
    """``made.in.city`` names a field of a struct in a struct; a null struct has null fields."""
    values = pa.array([{"in": {"city": "Ulm"}}, None, {"in": None}])
    recipe = shop.RECIPE.replace("[split]", '"made.in.city" = { kind = "categorical" }\n[split]')
    table = pa.table(shop.PRODUCTS).append_column("made", values)
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(shop.write(tmp_path, recipe, products=table), artifacts, None)
    assert pq.read_table(artifacts.raw.items)["made.in.city"].to_pylist() == ["Ulm", None, None]
    with pytest.raises(ShortlistError, match=r"got none \(did you mean 'made.in.city'\?\)"):
        ingest(
            shop.write(tmp_path, recipe.replace("in.city", "in.ctiy"), products=table),
            artifacts,
            None,
        )


def test_a_column_that_occurs_twice_is_refused_only_where_it_is_used(tmp_path: Path) -> None:
    """A join's leftovers do no harm; two columns of a name that the recipe uses would be a guess."""
    for name in ("note", "quantity"):
        orders = pa.table(shop.ORDERS)
        orders = orders.append_column(name, pa.array([1] * 4)).append_column(
            name, pa.array([2] * 4)
        )
        recipe = shop.write(tmp_path, orders=orders)
        artifacts = Artifacts(tmp_path / "artifacts")
        if name == "note":
            ingest(recipe, artifacts, None)
            assert pq.read_table(artifacts.raw.interactions).to_pydict() == shop.ORDERS
            continue
        with pytest.raises(
            ShortlistError, match=r"one column 'quantity', .* columns.label, .* got 3"
        ):
            ingest(recipe, artifacts, None)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (NUMBER, pa.array([1.0, float("-inf"), 2.0])),
        (NUMBER, pa.array(np.array([1, np.inf, 2], np.float16))),
        ('{ kind = "bucket", boundaries = [1, 2] }', pa.array([1.0, float("inf"), 2.0])),
        (LIST, pa.array([[], [1.0, float("inf")], None])),
        (NUMBER, pa.array([1.0, 1e300, 2.0])),
    ],
)
def test_infinite_numbers_are_refused_in_every_row(
    tmp_path: Path, kind: str, values: pa.Array
) -> None:
    """Also in a row without interactions (here: ``ink`` has none), and in lists; the message has the row."""
    orders = shop.ORDERS | {"product": ["pen", "cup", "pen", "cup"]}
    recipe = shop.RECIPE.replace("[split]", f"made = {kind}\n[split]")
    table = pa.table(shop.PRODUCTS).append_column("made", values)
    written = shop.write(tmp_path, recipe, products=table, orders=orders)
    with pytest.raises(ShortlistError) as raised:
        ingest(written, Artifacts(tmp_path / "artifacts"), None)
    message = str(raised.value)
    assert "in column 'made' of" in message
    assert (
        "in row 1 (counted from 0) of products.parquet, in row group 0; affected rows: 1 of 3."
        in message
    )


def test_an_infinite_label_or_an_infinite_number_in_a_condition_is_refused(tmp_path: Path) -> None:
    """Every column that the recipe uses is checked, not only features."""
    recipe = shop.RECIPE.replace("[split]", '[interactions]\nfilter = "paid > 1"\n[split]')
    for name in ("quantity", "paid"):
        orders = shop.ORDERS | {"paid": [2.0] * 4} | {name: [1.0, 2.0, 3.0, float("inf")]}
        with pytest.raises(ShortlistError, match=f"finite numbers in column '{name}' .* in row 3"):
            ingest(
                shop.write(tmp_path, recipe, orders=orders), Artifacts(tmp_path / "artifacts"), None
            )


@pytest.mark.parametrize(
    ("factor", "words", "unit"),
    [(10**3, "milliseconds", "ms"), (10**6, "microseconds", "us"), (10**9, "nanoseconds", "ns")],
)
def test_seconds_that_look_like_a_finer_unit_are_refused(
    tmp_path: Path, factor: int, words: str, unit: str
) -> None:
    """A guess would shift every time to the year 50,000 or none: the message has the key to set."""
    orders = shop.ORDERS | {"ordered_at": [(1_700_000_000 + n) * factor for n in range(4)]}
    recipe = shop.write(tmp_path, orders=orders)
    complaint = f"look like {words}. Set source.columns.ordered_at.unit = '{unit}'"
    with pytest.raises(ShortlistError, match=complaint):
        ingest(recipe, Artifacts(tmp_path / "artifacts"), None)
    with pytest.raises(ShortlistError, match=f"look like {words}"):
        items(tmp_path, pa.array([None, 1_700_000_000 * factor, 0]), AGE)
