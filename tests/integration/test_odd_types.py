"""Types that only some libraries know: what a recipe reads from them reaches the feature store."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ensemble.feature_store.user_records import training_records
from sources.ingest import ingest
from stages.artifacts import Artifacts
from tests.sources import shop
from workflows.prepare import prepare

RECIPE = shop.RECIPE.replace(
    "[features.item]",
    'paid = { kind = "numeric" }\nsize = { kind = "numeric" }\nage_here = { kind = "age", of = "since" }\n'
    "[features.item]",
).replace('kind = "random"', 'kind = "random"\ntest = 0')
ORDERS = {
    "customer": [7, 8, 9] * 8,
    "product": ["pen", "ink", "cup", "ink", "cup", "pen"] * 4,
    "ordered_at": [shop.ORDERS["ordered_at"][0].date()] * 24,
    "quantity": [1, 2, 3, 1] * 6,
}


@pytest.mark.parametrize(
    "times",
    [
        pa.array(ORDERS["ordered_at"], pa.date32()),
        pa.array(ORDERS["ordered_at"], pa.date64()),
        pa.array([19_783 * 86_400 * 10**6] * 24, pa.timestamp("us", "+05:30")),
        pa.array(["2024-03-01"] * 24),
    ],
    ids=lambda times: str(times.type),
)
def test_users_of_any_types_are_records(tmp_path: Path, times: pa.Array) -> None:
    """A date as the time of interactions; a user's decimal, half float and time without a usual zone."""
    customers: dict[str, Any] = shop.CUSTOMERS | {
        "paid": pa.array([Decimal("12.10"), None, 3], pa.decimal256(50, 2)),
        "size": np.array([0.5, np.nan, 2], np.float16),
        "since": pa.array([86_400_000, None, -500], pa.timestamp("ms", "GMT+2")),
    }
    orders = ORDERS | {"ordered_at": times}
    recipe = shop.write(tmp_path, RECIPE, orders=orders, customers=customers)
    artifacts = Artifacts(tmp_path / "artifacts")
    ingest(recipe, artifacts, None)
    prepare(recipe, artifacts)
    records = dict(training_records(recipe, artifacts))
    features = {user: record.features for user, record in records.items()}
    assert json.loads(json.dumps(features)) == {
        "7": {"age": 25, "city": "Bern", "paid": 12.1, "size": 0.5, "since": 86_400},
        "8": {"age": 61, "city": "Ulm", "paid": None, "size": None, "since": None},
        "9": {"age": None, "city": None, "paid": 3.0, "size": 2.0, "since": -1},
    }
    assert records["7"].interactions == ["pen", "ink"]
