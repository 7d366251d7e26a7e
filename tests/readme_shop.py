"""The README's made-up shop: its TOML, and three generated tables to go with it."""

import datetime
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

README = Path(__file__).parent.parent / "README.md"


def shop_recipe() -> str:
    """The made-up shop's TOML, from the README."""
    (block,) = re.findall(r"```toml\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    return str(block)


def write_shop(folder: Path, customers: int = 40, products: int = 12) -> Path:
    """Write the README's shop with three generated tables into ``folder``; return its recipe.

    Customers with an even number buy products with an even number, the others the odd ones.
    """
    orders = [
        (customer, f"p{2 * number + customer % 2}", number)
        for customer in range(customers)
        for number in range(products // 2)
        if (customer + number) % 5
    ]
    first = datetime.datetime(2024, 1, 1)
    pq.write_table(
        pa.table(
            {
                "customer": [customer for customer, _, _ in orders],
                "product": [product for _, product, _ in orders],
                "ordered_at": [first + datetime.timedelta(days=day) for _, _, day in orders],
            }
        ),
        folder / "orders.parquet",
    )
    pq.write_table(
        pa.table(
            {
                "customer": list(range(customers)),
                "city": [("Bern", "Ulm", None)[customer % 3] for customer in range(customers)],
            }
        ),
        folder / "customers.parquet",
    )
    pq.write_table(
        pa.table(
            {
                "product": [f"p{number}" for number in range(products)],
                "name": [f"Product {number}" for number in range(products)],
                "price": [2.5 * number for number in range(products)],
                "tags": [
                    ["table"] if number % 2 else ["desk", "gift"] for number in range(products)
                ],
            }
        ),
        folder / "products.parquet",
    )
    path = folder / "shop.toml"
    path.write_text(shop_recipe(), encoding="utf-8")
    return path
