"""A made-up shop: small raw tables with all the difficulties of real ones."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from recipes.schema.recipe import Recipe
from stages.artifacts import Raw

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


def shop_recipe(**tables: Any) -> Recipe:
    """The shop's recipe; keyword arguments replace whole tables of it."""
    return Recipe.model_validate({**RECIPE, **tables}, strict=False)


def write_shop(raw: Raw) -> None:
    """12 customers, 30 items, 300 purchases.

    Customer 'ψ-11' is in no users table; items 29 and 30 are never bought.
    """
    raw.root.mkdir(parents=True)
    random = np.random.RandomState(7)
    customers = [f"customer {number}" for number in range(10)] + ["Zoë", "ψ-11"]
    pairs = random.permutation(12 * 28)[:300]
    write_table(
        raw.interactions,
        customer=[customers[pair // 28] for pair in pairs],
        sku=pa.array([int(pair % 28) + 1 for pair in pairs], pa.int64()),
        at=pa.array(random.randint(0, 200, 300), pa.int64()),
        stars=pa.array(random.randint(1, 6, 300), pa.float32()),
        channel=[["web", "shop"][value] for value in random.randint(0, 2, 300)],
    )
    write_table(
        raw.users,
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
        raw.items,
        sku=pa.array(numbers, pa.int64()),
        tags=[tags[number % 5] for number in numbers],
        sizes=pa.array([sizes[number % 5] for number in numbers], pa.list_(pa.int64())),
        brand=["only once" if number == 30 else f"brand {number % 9 // 4}" for number in numbers],
        ean=pa.array([None if number % 7 == 0 else 2**53 + number for number in numbers]),
        price=pa.array([None if number % 6 == 0 else number / 3 for number in numbers]),
    )


def write_table(path: Path, **columns: Any) -> None:
    pq.write_table(pa.table(columns), path)
