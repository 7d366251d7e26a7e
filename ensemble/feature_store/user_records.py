"""Raw users and the interactions of the training part -> the feature store."""

import hashlib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from ensemble.feature_store.raw_features import raw_feature_files
from recipes.schema.recipe import Recipe
from runtime.features.encoding import Encoding
from runtime.features.spelling import is_null, spell
from runtime.features.times import seconds_of
from runtime.manifest import sha256
from runtime.stores.feature_store import FeatureStore, UserRecord
from stages.artifacts import Artifacts
from stages.columns import POSITIVE, SEEN
from stages.prerequisites import need

TRAINING_PARTS = ("train", "valid")


def fill_feature_store(recipe: Recipe, artifacts: Artifacts, store: FeatureStore) -> bool:
    """Fill ``store`` with the users of the training part; returns False if it already holds them.

    Readers see the old content until all of the new content is written.

    Raises:
        ShortlistError: an input is missing.
        StoreError: the store cannot be read or written.
    """
    origin = _fingerprint(recipe, _inputs(recipe, artifacts))
    if store.origin() == origin:
        return False
    store.replace_all(training_records(recipe, artifacts), origin)
    return True


def training_records(recipe: Recipe, artifacts: Artifacts) -> Iterator[tuple[str, UserRecord]]:
    """Yield every user of both tables: raw id, then raw features and item ids, oldest first."""
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
    of_the_id = user in recipe.features.columns("user")
    for user_id in dict.fromkeys([*known, *interactions, *(seen or ())]):
        record = known.get(user_id, {})
        if of_the_id:  # a feature uses it
            record[user] = user_id
        history = interactions.get(user_id, [])
        had = None if seen is None else seen.get(user_id, [])
        yield user_id, UserRecord(record, history, loaded_seen=had)


def _plain(value: object) -> object:
    """The value for JSON; a time becomes seconds."""
    if is_null(value):
        return None
    return int(seconds_of(value)) if isinstance(value, date) else value


Items = dict[str, list[str]]


def _interactions(
    recipe: Recipe, artifacts: Artifacts, encoding: Encoding
) -> tuple[Items, Items | None]:
    """Positives, and what counts as seen, by user; None if that is the same.

    In the order of the workflow's history: by time, then by row of the raw table.
    """
    import pandas as pd

    columns = recipe.columns
    key = [name for name in (columns.user, columns.item, columns.timestamp) if name is not None]
    marks = [POSITIVE]
    if recipe.events is not None and recipe.events.sees_others:
        marks.append(SEEN)
    parts = [
        pd.read_parquet(artifacts.prepared.raw_interactions(part), columns=[*key, *marks])
        for part in TRAINING_PARTS
    ]
    training = pd.concat(parts, ignore_index=True)
    training = training[training[marks].any(axis=1)].drop_duplicates([*key, *marks])
    raw = pd.read_parquet(artifacts.raw.interactions, columns=key)
    raw["place"] = range(len(raw))
    raw = raw.drop_duplicates(key, keep="last")
    placed = training.merge(raw, on=key, how="left", validate="many_to_one")
    order = [columns.timestamp, "place"] if columns.timestamp else ["place"]
    placed = placed.sort_values(order, kind="stable")
    users = [spell(value, encoding.user.dtype) for value in placed[columns.user].tolist()]
    items = [spell(value, encoding.item.dtype) for value in placed[columns.item].tolist()]
    found: list[Items] = []
    for mark in marks:
        by_user: Items = {}
        for user_id, item_id, counts in zip(users, items, placed[mark].tolist(), strict=True):
            if counts:
                by_user.setdefault(user_id, []).append(item_id)
        found.append(by_user)
    return found[0], found[1] if len(found) > 1 else None


def _inputs(recipe: Recipe, artifacts: Artifacts) -> list[Path]:
    parts = [artifacts.prepared.raw_interactions(part) for part in TRAINING_PARTS]
    inputs = [
        artifacts.raw.users,
        artifacts.raw.interactions,
        artifacts.prepared.encoding / "encoding.json",
    ]
    if recipe.features.counts("user"):
        inputs.append(artifacts.prepared.counts("user"))
    for path in inputs + parts:
        need(path, "prepare", recipe.given_as)
    return inputs + [file for part in parts for file in sorted(part.glob("*.parquet"))]


def _fingerprint(recipe: Recipe, paths: list[Path]) -> str:
    text = recipe.model_dump_json() + "".join(sha256(path) for path in paths)
    return hashlib.sha256(text.encode()).hexdigest()
