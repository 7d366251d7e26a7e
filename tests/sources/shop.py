"""A synthetic shop: a recipe and three tables, small enough to read."""

import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recipes.load import load
from recipes.schema.recipe import Recipe

RECIPE = """
name = "shop"
[source]
kind = "parquet"
interactions = "orders.parquet"
users = "customers.parquet"
items = "products.parquet"
[columns]
user = "customer"
item = "product"
timestamp = "ordered_at"
label = "quantity"
title = "name"
[features.user]
age = { kind = "bucket", boundaries = [30, 60] }
city = { kind = "categorical" }
[features.item]
price = { kind = "numeric" }
tags = { kind = "categorical", list = true }
[split]
kind = "random"
"""

_DAY = datetime.datetime(2024, 3, 1, tzinfo=datetime.UTC)

ORDERS: dict[str, Any] = {
    "customer": [7, 7, 9, 8],
    "product": ["pen", "ink", "pen", "cup"],
    "ordered_at": [_DAY + datetime.timedelta(days=day) for day in range(4)],
    "quantity": [1, 2, 1, 3],
}
CUSTOMERS: dict[str, Any] = {
    "customer": [7, 8, 9],
    "age": [25, 61, None],
    "city": ["Bern", "Ulm", None],
}
PRODUCTS: dict[str, Any] = {
    "product": ["cup", "ink", "pen"],
    "name": ["Cup", "Ink", "Pen"],
    "price": [9.5, 4.0, None],
    "tags": [["kitchen"], [], ["desk", "gift"]],
}


def write(folder: Path, recipe: str = RECIPE, **tables: Any) -> Recipe:
    """Write the shop into ``folder``; keyword arguments replace the tables of these names."""
    for name, table in (
        {"orders": ORDERS, "customers": CUSTOMERS, "products": PRODUCTS} | tables
    ).items():
        if not isinstance(table, pa.Table):
            table = pa.table(table)
        pq.write_table(table, folder / f"{name}.parquet")
    path = folder / "shop.toml"
    path.write_text(recipe)
    return load(str(path))
