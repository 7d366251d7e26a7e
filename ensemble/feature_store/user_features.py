"""Features of users that are given by hand or in a file -> the feature store."""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ensemble.feature_store.json_lines import parsed, raw_id
from features.kind import FeatureKind
from recipes.schema.recipe import Recipe
from runtime.did_you_mean import did_you_mean
from runtime.features.spelling import is_null
from runtime.features.times import seconds_of
from runtime.stores.feature_store import FeatureStore, UserRecord
from stages.errors import ShortlistError

#: Users that are written together.
CHUNK = 1000
FeaturesOfUser = tuple[str, Mapping[str, Any]]


def put_features(store: FeatureStore, users: Iterable[FeaturesOfUser]) -> int:
    """Change the given features, and keep the others and all interactions; how many users it was.

    Raises:
        StoreError: the store cannot be asked or written. Users come in the order given.
    """
    total, iterator = 0, iter(users)
    while chunk := list(itertools.islice(iterator, CHUNK)):
        known = store.get_many([user_id for user_id, _ in chunk])
        records: dict[str, UserRecord] = {}
        for (user_id, features), record in zip(chunk, known, strict=True):
            record = records.get(user_id) or record or UserRecord({}, [])
            records[user_id] = replace(record, features={**record.features, **features})
        store.put_many(records.items())
        total += len(chunk)
    return total


def checked(recipe: Recipe, features: Mapping[str, Any]) -> dict[str, Any]:
    """The features, if the recipe has them and they are of their kind; NaN becomes None.

    Raises:
        ValueError: says what was expected and what came.
    """
    known = given_features(recipe)
    values: dict[str, Any] = {}
    for name, value in features.items():
        if name not in known:
            expected = ", ".join(known) or "none, for the recipe has no [features.user]"
            raise ValueError(
                f"expected features out of: {expected}; got {name!r}{did_you_mean(name, known)}"
            )
        if is_null(value):
            values[name] = None
            continue
        if expected := known[name].expected_value(value):
            raise ValueError(f"expected {expected} for {name}, got {value!r}")
        values[name] = int(seconds_of(value)) if isinstance(value, date) else value
    return values


def given_features(recipe: Recipe) -> dict[str, FeatureKind]:
    """What may be given of a user, by name: raw columns, and counts where one knows better."""
    features = recipe.features
    read_by = features.columns("user") | {name: name for name in features.counts("user")}
    read_by.pop(recipe.columns.user, None)
    return {name: features.user[reader] for name, reader in read_by.items()}


def read_features(recipe: Recipe, path: Path) -> Iterator[FeaturesOfUser]:
    """Users' features out of a file: .jsonl, an object a line; or .parquet, a row a user.

    Both have the recipe's user column, and otherwise features of the recipe alone.

    Raises:
        ShortlistError: there is no such file, or a line or a row is wrong; names it.
    """
    if path.suffix not in (".jsonl", ".parquet"):
        raise ShortlistError(f"expected a file whose name ends in .jsonl or .parquet, got {path}.")
    if not path.is_file():
        raise ShortlistError(f"There is no file {path}.")
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
        raise ShortlistError(f"{path} cannot be read: {error}") from error


def _lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from file


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            yield from batch.to_pylist()
