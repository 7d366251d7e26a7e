"""Raw users and the interactions of the training part -> the feature store."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ensemble.feature_store.raw_features import raw_feature_files
from recipes.schema.recipe import Recipe
from runtime.candidates.catalogue import NO_ROW
from runtime.candidates.seen import READ, distinct, packed
from runtime.features.encoding import Encoding
from runtime.features.spelling import is_null, spell
from runtime.features.times import seconds_of
from runtime.manifest import sha256
from runtime.stores.feature_store import FeatureStore, UserRecord
from stages.artifacts import Artifacts
from stages.columns import PLACE, POSITIVE, RAW_ID, SEEN
from stages.prerequisites import need

TRAINING_PARTS = ("train", "valid")
#: Of a user's interactions the store keeps the history that the models read, or this many to show.
SHOWN = 10


@dataclass(frozen=True)
class Filled:
    """``version`` of the records in the store, and whether it was loaded now."""

    version: str
    now: bool


def fill_feature_store(recipe: Recipe, artifacts: Artifacts, store: FeatureStore) -> Filled:
    """Load the users of the training part, as a version of their own beside those of other data.

    The same data and features make the same version, which is loaded once.

    Raises:
        ShortlistError: an input is missing.
        StoreError: the store cannot be read or written.
    """
    version = _fingerprint(recipe, _inputs(recipe, artifacts))
    if version in store.versions():
        return Filled(version, now=False)
    store.load(version, training_records(recipe, artifacts))
    return Filled(version, now=True)


def training_records(recipe: Recipe, artifacts: Artifacts) -> Iterator[tuple[str, UserRecord]]:
    """Yield every user of both tables: raw id, raw features, newest item ids and the rows of all items."""
    import pyarrow.parquet as pq

    encoding = Encoding.load(artifacts.prepared.encoding)
    user = recipe.columns.user
    known: dict[str, dict[str, object]] = {}
    for path, features in raw_feature_files(recipe, artifacts, "user"):
        table = pq.read_table(path, columns=[user, *features]).to_pydict()
        for row, raw_id in enumerate(table[user]):
            record = known.setdefault(spell(raw_id, encoding.user.dtype), {})
            record |= {name: _plain(table[name][row]) for name in features}
    interactions, seen = _interactions(recipe, artifacts, encoding)
    raw_ids = pq.read_table(artifacts.prepared.items, columns=[RAW_ID])[RAW_ID].to_pylist()
    rows = {raw_id: row for row, raw_id in enumerate(raw_ids)}
    of_the_id = user in recipe.features.columns("user")
    read = max(encoding.history_length, READ if recipe.reads_repeats else SHOWN)
    for user_id in dict.fromkeys([*known, *interactions, *(seen or ())]):
        record = known.get(user_id, {})
        if of_the_id:  # a feature uses it
            record[user] = user_id
        had = None if seen is None else seen.get(user_id, [])
        yield user_id, bounded_record(record, interactions.get(user_id, []), rows, read, had)


def bounded_record(
    features: Mapping[str, Any],
    items: Sequence[str],
    rows: Mapping[str, int],
    read: int,
    had: Sequence[str] | None = None,
) -> UserRecord:
    """What the store keeps of a user, however many interactions there are.

    Args:
        items: raw ids of the history, oldest first.
        rows: by raw id, the rows of the release's items.
        read: how many of a user's newest interactions are kept with their repeats.
        had: raw ids of what counts as seen, oldest first; None if that is the history.
    """

    def rows_of(each: Sequence[str]) -> bytes:
        return packed([rows.get(item, NO_ROW) for item in distinct(each)])

    newest = items[-read:]
    return UserRecord(
        features,
        newest,
        earlier=len(items) - len(newest),
        seen=rows_of(items),
        had=None if had is None else rows_of(had),
    )


def _plain(value: object) -> object:
    """The value for JSON; a time becomes seconds."""
    if is_null(value):
        return None
    return int(seconds_of(value)) if isinstance(value, datetime) else value


ItemsOfUsers = dict[str, list[str]]


def _interactions(
    recipe: Recipe, artifacts: Artifacts, encoding: Encoding
) -> tuple[ItemsOfUsers, ItemsOfUsers | None]:
    """Positives, and what counts as seen, by user, oldest first, repeats included; None if they are the same.

    The positives are the history that models are trained on.
    """
    import pandas as pd

    columns = recipe.columns
    marks = [POSITIVE]
    if recipe.events is not None and recipe.events.sees_others:
        marks.append(SEEN)
    read = [columns.user, columns.item, PLACE, *marks]
    parts = [
        pd.read_parquet(artifacts.prepared.raw_interactions(part), columns=read)
        for part in TRAINING_PARTS
    ]
    training = pd.concat(parts, ignore_index=True)
    placed = training.loc[training[marks].any(axis=1)].sort_values(PLACE)
    users = [spell(value, encoding.user.dtype) for value in placed[columns.user].tolist()]
    items = [spell(value, encoding.item.dtype) for value in placed[columns.item].tolist()]
    found: list[ItemsOfUsers] = []
    for mark in marks:
        by_user: ItemsOfUsers = {}
        for user_id, item_id, counts in zip(users, items, placed[mark].tolist(), strict=True):
            if counts:
                by_user.setdefault(user_id, []).append(item_id)
        found.append(by_user)
    return found[0], found[1] if len(found) > 1 else None


def _inputs(recipe: Recipe, artifacts: Artifacts) -> list[Path]:
    parts = [artifacts.prepared.raw_interactions(part) for part in TRAINING_PARTS]
    inputs = [
        artifacts.raw.users,
        artifacts.prepared.encoding / "encoding.json",
        artifacts.prepared.items,
    ]
    if recipe.features.counts("user"):
        inputs.append(artifacts.prepared.counts("user"))
    for path in inputs + parts:
        need(path, "prepare", recipe.given_as)
    return inputs + [file for part in parts for file in sorted(part.glob("*.parquet"))]


def _fingerprint(recipe: Recipe, paths: list[Path]) -> str:
    """A digest of all that the records depend on."""
    read = {
        "columns": recipe.columns.model_dump(mode="json"),
        "features": sorted(recipe.features.columns("user")),
        "counts": recipe.features.counts("user"),
        "repeats": recipe.reads_repeats,
        "files": [sha256(path) for path in paths],
    }
    return hashlib.sha256(json.dumps(read).encode()).hexdigest()
