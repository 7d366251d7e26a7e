"""User features given by hand or in a file -> the feature store, as live features."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ensemble.feature_store.json_lines import parsed, raw_id
from features.kind import FeatureKind
from recipes.schema.recipe import Recipe
from runtime.did_you_mean import did_you_mean
from runtime.features.numeric import overflows
from runtime.features.spelling import is_null
from runtime.features.times import seconds_of
from runtime.stores.feature_store import FeatureStore
from sources.canonical.types import canonical_values
from stages.errors import ShortlistError

#: Users per write.
CHUNK = 1000
FeaturesOfUser = tuple[str, Mapping[str, Any]]


def put_features(store: FeatureStore, users: Iterable[FeaturesOfUser]) -> int:
    """Set live features, keep all others; returns the number of users.

    Users are written in the order given.

    Raises:
        StoreError: the store cannot be written.
    """
    total, iterator = 0, iter(users)
    while chunk := list(itertools.islice(iterator, CHUNK)):
        store.set_features(chunk)
        total += len(chunk)
    return total


def checked(recipe: Recipe, features: Mapping[str, Any]) -> dict[str, Any]:
    """Check that the recipe has the features and that each value fits its kind; NaN becomes None.

    Raises:
        ValueError: one does not fit; states what was expected and what it got.
    """
    known = given_features(recipe)
    values: dict[str, Any] = {}
    for name, value in features.items():
        if name not in known:
            expected = ", ".join(known) or "none, because it has no [features.user]"
            raise ValueError(
                f"expected user features of the recipe ({expected}), "
                f"got {name!r}{did_you_mean(name, known)}"
            )
        if is_null(value):
            values[name] = None
            continue
        if overflows(value):
            raise ValueError(
                f"expected a finite number of at most 3.4e38 for {name}, got {value!r}"
            )
        if expected := known[name].expected_value(value):
            raise ValueError(f"expected {expected} for {name}, got {value!r}")
        values[name] = int(seconds_of(value)) if isinstance(value, date) else value
    return values


def given_features(recipe: Recipe) -> dict[str, FeatureKind]:
    """The features that may be given for a user, by name: raw columns, and counts to override."""
    features = recipe.features
    read_by = features.columns("user") | {name: name for name in features.counts("user")}
    read_by.pop(recipe.columns.user, None)
    return {name: features.user[reader] for name, reader in read_by.items()}


def read_features(recipe: Recipe, path: Path) -> Iterator[FeaturesOfUser]:
    """Read users' features from a file: .jsonl, one object per line; or .parquet, one row per user.

    Both have the recipe's user column, and otherwise only features of the recipe.

    Raises:
        ShortlistError: there is no such file, or a line or a row is wrong; names it.
    """
    if path.suffix not in (".jsonl", ".parquet"):
        raise ShortlistError(f"expected a file whose name ends in .jsonl or .parquet, got {path}")
    if not path.is_file():
        raise ShortlistError(f"expected a file at {path}, found none")
    column = recipe.columns.user
    fields, unit = [column, *given_features(recipe)], "row" if path.suffix == ".parquet" else "line"
    rows: Iterator[Any] = _rows(path) if unit == "row" else _lines(path)
    try:
        for number, row in enumerate(rows, start=1):
            try:
                if isinstance(row, bytes):
                    if not row.strip():
                        continue
                    row = parsed(row, fields)
                features = {name: value for name, value in row.items() if name != column}
                user = raw_id(row, column), checked(recipe, features)
            except ValueError as error:
                raise ShortlistError(f"{path}, {unit} {number}: {error}.") from error
            yield user
    except (OSError, pa.ArrowException) as error:
        raise ShortlistError(f"expected to read {path}, got: {error}") from error


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            columns = [canonical_values(column) for column in batch.columns]
            yield from pa.RecordBatch.from_arrays(columns, names=batch.schema.names).to_pylist()
