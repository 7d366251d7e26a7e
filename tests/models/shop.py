"""A made-up shop with two tastes: small enough to train on in seconds, clear enough to learn from.

Customers of one half like the first half of the products, the others the second half; everybody buys
something of the other half now and then.
"""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from models.train import train
from recipes.schema import rankers, retrievers
from recipes.schema.recipe import Recipe
from sources.ingest import ingest
from stages.artifacts import Artifacts
from stages.configuration import kind_of
from tests.shared import made_once
from workflows.prepare import prepare

CUSTOMERS, PRODUCTS, PURCHASES, HISTORY = 60, 40, 16, 6

RECIPE: dict[str, Any] = {
    "name": "two-tastes",
    "columns": {"user": "customer", "item": "product", "timestamp": "bought_at"},
    "interactions": {"history_length": HISTORY},
    "features": {
        "user": {
            "country": {"kind": "categorical"},
            "age": {"kind": "bucket", "boundaries": [30.0, 50.0]},
            "spent": {"kind": "numeric", "fill": 7.5},
            "hobbies": {"kind": "categorical", "list": True, "max_length": 2},
        },
        "item": {
            "tags": {"kind": "categorical", "list": True, "max_length": 3},
            "price": {"kind": "numeric"},
        },
    },
    "split": {"kind": "stratified", "by": "user", "test": 0.25, "valid": 0.2, "seed": 42},
    "retriever": {
        "embedding_dim": 8,
        "layers": [8],
        "batch_size": 64,
        "learning_rate": 0.02,
        "max_epochs": 2,
    },
    "ranker": {
        "embedding_dim": 4,
        "bottom_layers": [8],
        "top_layers": [8],
        "batch_size": 64,
        "learning_rate": 0.01,
        "max_epochs": 2,
    },
    "evaluation": {"k": [5, 10]},
    "serving": {"candidates": 20, "top_k": 10},
}


def recipe(folder: Path, **tables: Any) -> Recipe:
    """The shop's recipe with its files in ``folder``; keyword arguments change keys of whole tables."""
    files = {name: str(folder / f"{name}.parquet") for name in ("interactions", "users", "items")}
    content = {**RECIPE, "source": {"kind": "parquet", **files}}
    changed = {
        name: {**_read_by(name, content.get(name, {}), table), **table}
        for name, table in tables.items()
    }
    return Recipe.model_validate({**content, **changed}, strict=False)


def _read_by(name: str, before: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """The shop's settings that another kind of retriever or ranker also reads."""
    kinds = {"retriever": retrievers.KINDS, "ranker": rankers.KINDS}.get(name, ())
    for kind in kinds:
        if kind_of(kind) == table.get("kind"):
            return {key: value for key, value in before.items() if key in kind.model_fields}
    return before


def write_files(folder: Path, customers: int = CUSTOMERS, purchases: int = PURCHASES) -> None:
    """Write the shop's three files. Customer c0 is not in the users table; product 40 is never bought."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(5)
    rows = []
    for customer in range(customers):
        taste = np.where(np.arange(PRODUCTS - 1) // 20 == customer % 2, 8.0, 1.0)
        liked = taste / taste.sum()
        bought = random.choice(PRODUCTS - 1, size=purchases, replace=False, p=liked)
        times = random.permutation(1000)[:purchases]
        rows += [
            (f"c{customer}", int(item) + 1, int(at)) for item, at in zip(bought, times, strict=True)
        ]
    names = ("customer", "product", "bought_at")
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    pq.write_table(pa.table(columns), folder / "interactions.parquet")
    known = range(1, customers)
    users = {
        "customer": [f"c{customer}" for customer in known],
        "country": ["DE" if customer % 5 else None for customer in known],
        "age": [20 + customer % 50 for customer in known],
        "spent": [None if customer % 7 == 0 else customer / 3 for customer in known],
        "hobbies": [["chess", "tea", "late"][: customer % 4] for customer in known],
    }
    pq.write_table(pa.table(users), folder / "users.parquet")
    halves = [["red", "warm"], ["blue"]]
    items = {
        "product": list(range(1, PRODUCTS + 1)),
        "tags": [
            [*halves[item // 20], f"t{item % 3}", "late"][: 1 + item % 4] for item in range(40)
        ],
        "price": [None if item == 3 else item / 4 for item in range(PRODUCTS)],
    }
    pq.write_table(pa.table(items), folder / "items.parquet")


def prepared(folder: Path, made: Recipe) -> Artifacts:
    """Ingest and prepare the shop's files below ``folder`` as the commands do."""
    artifacts = Artifacts(folder / "artifacts")
    ingest(made, artifacts, None)
    prepare(made, artifacts, force=False)
    return artifacts


def trained(factory: pytest.TempPathFactory) -> tuple[Recipe, Artifacts]:
    """The shop, prepared and trained once per session, for every test that asks for it."""

    def make(folder: Path) -> None:
        write_files(folder)
        made = recipe(folder)
        train(made, prepared(folder, made))

    folder = made_once(factory, "two-tastes", make)
    return recipe(folder), Artifacts(folder / "artifacts")


def copied(artifacts: Artifacts, folder: Path) -> Artifacts:
    """A copy of the artifacts below ``folder``, to train into."""
    shutil.copytree(artifacts.root, folder)
    return Artifacts(folder)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below ``folder`` by its relative path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}
