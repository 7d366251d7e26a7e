"""A made-up shop: small raw tables with everything that is awkward about real ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recipes.artifacts import Artifacts
from recipes.recipe import Recipe

RECIPE: dict[str, Any] = {
    "name": "shop",
    "source": {"kind": "parquet", "interactions": "interactions.parquet"},
    "columns": {"user": "customer", "item": "sku", "timestamp": "at", "label": "stars"},
    "interactions": {"history_length": 4},
    "vocabulary": {"item_frequency_threshold": 2},
    "features": {
        "user": {
            "country": {"kind": "categorical"},
            "age": {"kind": "bucket", "boundaries": [18.0, 30.0]},
            "member": {"kind": "categorical"},
            "spent": {"kind": "numeric", "fill": 7.5},
        },
        "item": {
            "tags": {"kind": "categorical", "list": True, "max_length": 3},
            "sizes": {"kind": "categorical", "list": True},
            "brand": {"kind": "categorical", "frequency_threshold": 40},
            "ean": {"kind": "categorical"},
            "price": {"kind": "numeric"},
        },
    },
    "split": {"kind": "stratified", "by": "user", "test": 0.25, "valid": 0.2, "seed": 42},
}


@pytest.fixture
def shop_recipe() -> Callable[..., Recipe]:
    """Builds the shop's recipe; keyword arguments replace whole tables of it."""

    def build(**tables: Any) -> Recipe:
        content = {**RECIPE, **tables}
        split = content["split"]
        return Recipe.model_validate({**content, "split": split}, strict=False)

    return build


@pytest.fixture
def shop(tmp_path: Path) -> Artifacts:
    """Artifacts whose raw tables are there: 12 customers, 30 items, 300 purchases.

    Customer 'ψ-11' is in no users table; items 29 and 30 are never bought.
    """
    artifacts = Artifacts(tmp_path / "shop")
    artifacts.raw.root.mkdir(parents=True)
    random = np.random.RandomState(7)
    customers = [f"customer {number}" for number in range(10)] + ["Zoë", "ψ-11"]
    pairs = random.permutation(12 * 28)[:300]
    write_table(
        artifacts.raw.interactions,
        customer=[customers[pair // 28] for pair in pairs],
        sku=pa.array([int(pair % 28) + 1 for pair in pairs], pa.int64()),
        at=pa.array(random.randint(0, 200, 300), pa.int64()),
        stars=pa.array(random.randint(1, 6, 300), pa.float32()),
        channel=[["web", "shop"][value] for value in random.randint(0, 2, 300)],
    )
    write_table(
        artifacts.raw.users,
        customer=customers[:11],
        country=["DE", "FR", None, "", "中国", "DE", "FR", "DE", None, "İ", "DE"],
        age=pa.array([17, 18, None, 29, 30, 31, 90, 4, 18, 22, None], pa.int64()),
        member=[True, False, None, True, True, False, True, None, False, True, True],
        spent=[0.1, None, 3.5, 1e6, -2.0, 0.0, None, 12.25, 3.0, 8.0, 9.5],
    )
    numbers = range(1, 31)
    tags = [["red", "blue"], [], None, ["red", None], ["ünï", "red", "blue", "late"]]
    sizes = [[36, 2**53 + 1], None, [], [None, 36], [2**53]]
    write_table(
        artifacts.raw.items,
        sku=pa.array(numbers, pa.int64()),
        tags=[tags[number % 5] for number in numbers],
        sizes=pa.array([sizes[number % 5] for number in numbers], pa.list_(pa.int64())),
        brand=["only once" if number == 30 else f"brand {number % 9 // 4}" for number in numbers],
        ean=pa.array([None if number % 7 == 0 else 2**53 + number for number in numbers]),
        price=pa.array([None if number % 6 == 0 else number / 3 for number in numbers]),
    )
    return artifacts


def write_table(path: Path, **columns: Any) -> None:
    pq.write_table(pa.table(columns), path)


@pytest.fixture
def messages() -> list[str]:
    """What ``say`` was told: pass ``messages.append``."""
    return []


@pytest.fixture
def replace_column() -> Callable[[Path, str, Any], None]:
    """Writes a table again with other values in one column."""

    def replace(path: Path, name: str, values: Any) -> None:
        table = pq.read_table(path)
        place = table.column_names.index(name)
        pq.write_table(table.set_column(place, name, pa.array(values)), path)

    return replace


@pytest.fixture
def encoded() -> Callable[[Artifacts, str], pd.DataFrame]:
    """Reads the encoded rows of a part."""

    def read(artifacts: Artifacts, part: str) -> pd.DataFrame:
        files = sorted(artifacts.prepared.interactions(part).glob("*.parquet"))
        return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)

    return read
