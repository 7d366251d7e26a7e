"""The trained parts that a release is assembled from, read and checked against each other."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.feature_store.raw_features import raw_feature_files
from recipes.schema.recipe import Recipe
from runtime.candidates.ranker_features import (
    RANKER_FEATURES,
    RETRIEVAL_SCORE,
    is_ranker_feature,
)
from runtime.features.categorical import Categorical
from runtime.features.encoding import Encoder, Encoding
from runtime.features.spelling import is_null, spell
from runtime.lists import padded_lists
from runtime.release import OnnxModel
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from stages.prerequisites import need


@dataclass(frozen=True)
class Parts:
    """The trained parts; everything about items is in item-row order."""

    encoding: Encoding
    raw_item_ids: list[str]
    #: Encoded item id and features by name: [n], or [n, L] padded.
    item_columns: dict[str, np.ndarray]
    #: float32 [n, d]; None if the recipe has no retriever.
    item_embeddings: np.ndarray | None
    #: Ranker input -> column of the served graph; empty if the recipe has no ranker.
    ranker_feeds: dict[str, str]

    @property
    def ranker_features(self) -> tuple[str, ...]:
        """The ranker inputs that are computed per candidate, besides the retrieval score."""
        fed = (name for name, column in self.ranker_feeds.items() if column == f"candidate.{name}")
        return tuple(name for name in fed if name != RETRIEVAL_SCORE)


def release_models(recipe: Recipe) -> list[str]:
    """Names of the ONNX models that a release serves."""
    retrieves, ranks = recipe.retrieves, recipe.ranks
    return ["query_tower"] * retrieves + ["ranker"] * ranks


def release_inputs(recipe: Recipe, artifacts: Artifacts) -> list[Path]:
    """The files that a release is assembled from.

    Raises:
        ShortlistError: one is missing; names the command that makes it.
    """
    prepared, models = artifacts.prepared, artifacts.models
    made_by = {prepared.encoding / "encoding.json": "prepare", prepared.items: "prepare"}
    made_by |= {models.onnx(name): "train" for name in release_models(recipe)}
    if recipe.retrieves:
        made_by[models.item_embeddings] = "train"
    for path, command in made_by.items():
        need(path, command, recipe.given_as)
    looked_up = sorted(prepared.encoding.glob("*/*.json"))
    looked_up += [prepared.event_kinds] if prepared.event_kinds.exists() else []
    return [*made_by, *looked_up, *sorted(models.candidate_arrays.glob("*.npy"))]


def read_parts(recipe: Recipe, artifacts: Artifacts) -> Parts:
    """Read the parts and check them against each other.

    Raises:
        ShortlistError: a part is missing, or does not match the others.
    """
    import pyarrow.parquet as pq

    release_inputs(recipe, artifacts)
    encoding = Encoding.load(artifacts.prepared.encoding)
    items = pq.read_table(artifacts.prepared.items)
    embeddings = None
    if recipe.retrieves:
        embeddings = _embeddings(artifacts, items.num_rows, recipe.given_as)
    elif items.num_rows > recipe.serving.candidates:
        raise ShortlistError(
            "retriever.kind 'none' makes every item a candidate: expected at most "
            f"{recipe.serving.candidates:,} items (serving.candidates), got {items.num_rows:,}. "
            "Raise serving.candidates, or train a retriever."
        )
    item_columns = {
        each.name: _in_rows(items[each.name], each)
        for each in (encoding.item, *encoding.item_features)
    }
    return Parts(
        encoding=encoding,
        raw_item_ids=items["raw_id"].to_pylist(),
        item_columns=item_columns,
        item_embeddings=embeddings,
        ranker_feeds=_feeds(recipe, artifacts, encoding),
    )


def read_attributes(recipe: Recipe, artifacts: Artifacts, parts: Parts) -> dict[str, list[Any]]:
    """Raw values of the columns that item features use, by name, in row order.

    A value is a number, a string, a list of these, or None.
    """
    import pyarrow.parquet as pq

    item, dtype = recipe.columns.item, parts.encoding.item.dtype
    found: dict[str, list[Any]] = {}
    for path, names in raw_feature_files(recipe, artifacts, "item"):
        if not names:
            continue
        table = pq.read_table(path, columns=[item, *names]).to_pydict()
        row_of = {spell(raw_id, dtype): row for row, raw_id in enumerate(table[item])}
        rows = [row_of.get(raw_id) for raw_id in parts.raw_item_ids]
        for name in names:
            values = table[name]
            found[name] = [None if row is None else _plain(values[row]) for row in rows]
    return found


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(each) for each in value if not is_null(each)]
    if is_null(value):
        return None
    return value if isinstance(value, int | float | str) else str(value)


def _embeddings(artifacts: Artifacts, items: int, recipe_name: str) -> np.ndarray:
    """float32 [items, d], one row per item of the catalogue."""
    import pyarrow.parquet as pq

    embedded = pq.read_table(artifacts.models.item_embeddings)
    rows = embedded["item_row"].to_numpy()
    if not np.array_equal(rows, np.arange(items)):
        raise ShortlistError(
            f"expected {artifacts.models.item_embeddings} to hold one embedding for each of the "
            f"{items} items of {artifacts.prepared.items}, in their order, got {len(rows)}. "
            f"The models were trained on other data: run `shortlist train {recipe_name}` again."
        )
    flat = embedded["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    embeddings = flat.reshape(items, -1).astype(np.float32, copy=False)
    if not np.isfinite(embeddings).all():
        raise ShortlistError(
            f"expected finite numbers in {artifacts.models.item_embeddings}, got infinities or "
            "NaN: the training diverged. Lower the learning rate and run "
            f"`shortlist train {recipe_name}` again."
        )
    return np.ascontiguousarray(embeddings)


def _in_rows(column: object, encoder: Encoder) -> np.ndarray:
    """A column of the items table as an array: [n], or [n, max_length] padded on the right."""
    if not (isinstance(encoder, Categorical) and encoder.max_length is not None):
        return column.to_numpy().astype(encoder.array_dtype)  # type: ignore[attr-defined]
    lists = column.to_pylist()  # type: ignore[attr-defined]
    return padded_lists(lists, np.int64, encoder.max_length)


def _feeds(recipe: Recipe, artifacts: Artifacts, encoding: Encoding) -> dict[str, str]:
    """The column for each input of the ranker; the query tower may read only user columns."""
    user = {encoding.user.name, *(each.name for each in encoding.user_features)}
    if encoding.history_name:
        user.add(encoding.history_name)
    item = {encoding.item.name, *(each.name for each in encoding.item_features)}
    served = release_models(recipe)
    path = artifacts.models.onnx("query_tower")
    for name in OnnxModel(path).input_names if "query_tower" in served else ():
        if name not in user:
            raise ShortlistError(
                f"expected {path} to read only user columns {sorted(user)}, got {name!r}. "
                f"Run `shortlist train {recipe.given_as}` again."
            )
    feeds = {}
    path = artifacts.models.onnx("ranker")
    for name in OnnxModel(path).input_names if "ranker" in served else ():
        if name in user:
            feeds[name] = f"user.{name}"
        elif name in item:
            feeds[name] = f"item.{name}"
        elif is_ranker_feature(name):
            feeds[name] = f"candidate.{name}"
        else:
            raise ShortlistError(
                f"expected {path} to read only user columns {sorted(user)}, item columns "
                f"{sorted(item)} and ranker features "
                f"{[RETRIEVAL_SCORE, *sorted(RANKER_FEATURES)]}, got {name!r}. "
                f"Run `shortlist train {recipe.given_as}` again."
            )
    return feeds
