"""From a user's own files, folders, databases and URLs to a recommendation."""

import gzip
import json
import sqlite3
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scripts import cli
from shortlist import Recipe
from tests.s3_server import s3_server

#: So little training that it takes seconds.
TINY: dict[str, Any] = {
    "retriever.embedding_dim": 8,
    "retriever.max_epochs": 1,
    "ranker.embedding_dim": 4,
    "ranker.bottom_layers": [8],
    "ranker.top_layers": [8],
    "ranker.max_epochs": 1,
}
ITEMS = [{"sku": f"p{n}", "name": f"Thing {n}", "price": 2.5 * n} for n in range(12)]
ORDERS = [
    (f"c{user}", f"p{2 * number + user % 2}", f"2024-01-{number + 1:02}T00:00:{user:02}")
    for user in range(40)
    for number in range(6)
    if (user + number) % 5
]
COLUMNS = ("customer", "sku", "ordered_at")


def _answered(recipe: Recipe, folder: Path) -> None:
    """Train a little, and get three things that the customer had not before the last one, held out."""
    tiny = recipe.with_settings(TINY, folder / "artifacts")
    tiny.prepare().train().export()
    answer = tiny.recommend(["c7"], top_k=3)
    *had, _ = [item for user, item, _ in ORDERS if user == "c7"]
    got = [item for item in answer.item_ids[0] if item]
    assert len(got) == 3
    assert not set(had) & set(got)


def _csv() -> bytes:
    return "\n".join(map(",".join, [COLUMNS, *ORDERS])).encode() + b"\n"


def test_files_from_init_to_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A compressed CSV file and JSON lines: `shortlist init` writes the recipe, which trains and answers."""
    monkeypatch.chdir(tmp_path)
    Path("shop.csv.gz").write_bytes(gzip.compress(_csv()))
    Path("items.jsonl").write_text("\n".join(map(json.dumps, ITEMS)))
    assert cli.main(["init", "items.jsonl", "shop.csv.gz", "--out", "shop.toml"]) == 0
    assert "Check it, then: shortlist inspect shop.toml" in capsys.readouterr().out
    recipe = Recipe("shop.toml")
    assert recipe.settings.columns.model_dump(exclude_none=True) == {
        "user": "customer",
        "item": "sku",
        "timestamp": "ordered_at",
        "title": "name",
    }
    _answered(recipe, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("database", ["duckdb", "sqlite"])
def test_a_database_to_an_answer(tmp_path: Path, database: str) -> None:
    """Queries name the columns as the recipe needs them."""
    path = tmp_path / "shop.db"
    with duckdb.connect(path) if database == "duckdb" else sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE sales (who TEXT, what TEXT, day TEXT)")
        connection.executemany("INSERT INTO sales VALUES (?, ?, ?)", ORDERS)
    (tmp_path / "shop.toml").write_text(
        f"""
        name = "shop"
        [source]
        kind = "sql"
        connection = "{database}:///shop.db"
        interactions = "SELECT who AS customer, what AS sku, day FROM sales ORDER BY day"
        [columns]
        user = "customer"
        item = "sku"
        timestamp = "day"
        [split]
        kind = "leave-last-out"
        """
    )
    _answered(Recipe(tmp_path / "shop.toml"), tmp_path)


@pytest.mark.slow
def test_a_partitioned_folder_to_an_answer(tmp_path: Path) -> None:
    """`shortlist init` reads a folder with a subfolder a day, which is a column too."""
    for day in sorted({time[:10] for _, _, time in ORDERS}):
        rows = [row for row in ORDERS if row[2].startswith(day)]
        folder = tmp_path / "orders" / f"dt={day}"
        folder.mkdir(parents=True)
        table = pa.table(dict(zip(COLUMNS, zip(*rows, strict=True), strict=True)))
        pq.write_table(table.drop("ordered_at"), folder / "part-0.parquet")
    recipe = Recipe.propose([tmp_path / "orders"], out=tmp_path / "shop.toml")
    assert recipe.settings.columns.timestamp == "dt"
    _answered(recipe, tmp_path)


@pytest.mark.slow
def test_a_bucket_to_an_answer(tmp_path: Path) -> None:
    """`shortlist init` takes URLs."""
    with s3_server() as store:
        store.pipe("shop/orders.csv", _csv())
        store.pipe("shop/items.jsonl", "\n".join(map(json.dumps, ITEMS)).encode())
        urls = ["s3://shop/orders.csv", "s3://shop/items.jsonl"]
        recipe = Recipe.propose(urls, out=tmp_path / "shop.toml")
        assert recipe.settings.source.items == urls[1]
        _answered(recipe, tmp_path)
