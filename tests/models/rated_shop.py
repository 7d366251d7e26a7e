"""The made-up shop with stars: customers give 5 or 4 to their own half of the products, else 2 or 1."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from tests.models import shop

LIKED = "stars >= 4"


def recipe(folder: Path, **tables: Any) -> Recipe:
    """``shop.recipe`` with a ranker that predicts the stars."""
    label = {
        "columns": {"label": "stars"},
        "interactions": {"positive": LIKED},
        "ranker": {"target": "label"},
    }
    changed = {
        name: {**label.get(name, {}), **tables.get(name, {})} for name in {**label, **tables}
    }
    return shop.recipe(folder, **changed)


def prepared(folder: Path, **tables: Any) -> tuple[Recipe, Artifacts]:
    """The recipe, and its files ingested and prepared as the commands do."""
    shop.write_files(folder)
    path = folder / "interactions.parquet"
    bought = pq.read_table(path)
    rows = zip(*(bought[name].to_pylist() for name in ("customer", "product")), strict=True)
    stars = [
        (5 if (product - 1) // 20 == int(customer[1:]) % 2 else 2) - product % 2
        for customer, product in rows
    ]
    pq.write_table(bought.append_column("stars", pa.array(stars)), path)
    made = recipe(folder, **tables)
    return made, shop.prepared(folder, made)
