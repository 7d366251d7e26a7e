"""Raw tables to inspect, made of lists that are easy to read in a test."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts

RECIPE: dict[str, Any] = {
    "name": "ratings",
    "source": {"kind": "parquet", "interactions": "interactions.parquet"},
    "columns": {"user": "user", "item": "item", "timestamp": "at", "label": "stars"},
    "features": {
        "user": {"age": {"kind": "numeric"}},
        "item": {"genre": {"kind": "categorical"}, "tags": {"kind": "categorical", "list": True}},
    },
    "split": {"kind": "temporal", "test": 0.25, "valid": 0.2},
}


def ratings_recipe(**tables: Any) -> Recipe:
    """The recipe; keyword arguments replace whole tables of it."""
    return Recipe.model_validate({**RECIPE, **tables}, strict=False)


def write_raw(folder: Path, **tables: dict[str, Any]) -> Artifacts:
    """Write 40 users' ratings of all of 20 items; keyword arguments replace columns of a table.

    Interaction n is of user n % 40 with item n // 40, at second n, with (user + item) % 5 + 1 stars, so
    no user and no item always has the same; the column ``channel`` is in no recipe.
    """
    artifacts = Artifacts(folder / "ratings")
    artifacts.raw.root.mkdir(parents=True)
    numbers = range(800)
    content = {
        "interactions": {
            "user": [f"u{number % 40}" for number in numbers],
            "item": [number // 40 for number in numbers],
            "at": list(numbers),
            "stars": [(number + number // 40) % 5 + 1 for number in numbers],
            "channel": ["web" if number % 3 else "shop" for number in numbers],
        },
        "users": {
            "user": [f"u{number}" for number in range(40)],
            "age": [20.0 + number for number in range(40)],
        },
        "items": {
            "item": list(range(20)),
            "genre": ["drama" if number % 2 else "crime" for number in range(20)],
            "tags": [["old", "long"] if number % 4 else [] for number in range(20)],
        },
    }
    for name, columns in content.items():
        pq.write_table(
            pa.table(columns | tables.get(name, {})), artifacts.raw.root / f"{name}.parquet"
        )
    return artifacts
