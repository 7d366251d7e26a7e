"""The trained parts that a release is assembled from, read and checked against each other."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from recipes.schema.recipe import Recipe
from runtime.candidates.ranker_features import (
    RANKER_FEATURES,
    RETRIEVAL_SCORE,
    is_ranker_feature,
)
from runtime.features.categorical import Categorical
from runtime.features.encoding import Encoder, Encoding
from runtime.lists import padded_lists
from runtime.release import OnnxModel
from runtime.safe_names import history_name, safe_name
from stages.artifacts import Artifacts
from stages.columns import RAW_ID
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
    #: Input of the query tower, and of the ranker -> column of the served graph; empty without such a model.
    query_feeds: dict[str, str]
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
        raw_item_ids=items[RAW_ID].to_pylist(),
        item_columns=item_columns,
        item_embeddings=embeddings,
        query_feeds=_feeds(recipe, artifacts, encoding, "query_tower"),
        ranker_feeds=_feeds(recipe, artifacts, encoding, "ranker"),
    )


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


def _feeds(recipe: Recipe, artifacts: Artifacts, encoding: Encoding, model: str) -> dict[str, str]:
    """The column for each input of a model; empty if the recipe has no such model."""
    if model not in release_models(recipe):
        return {}
    known = _user_columns(encoding)
    expected = f"the user columns {sorted(known.values())}"
    if model == "ranker":
        items = (encoding.item, *encoding.item_features)
        known |= {safe_name(each.name): f"item.{each.name}" for each in items}
        expected = (
            f"the columns {sorted(known.values())} and ranker features "
            f"{[RETRIEVAL_SCORE, *sorted(RANKER_FEATURES)]}"
        )
    feeds, path = {}, artifacts.models.onnx(model)
    for name in OnnxModel(path).input_names:
        if name in known:
            feeds[name] = known[name]
        elif model == "ranker" and is_ranker_feature(name):
            feeds[name] = f"candidate.{name}"
        else:
            raise ShortlistError(
                f"expected {path} to read only {expected}, got {name!r}. "
                f"Run `shortlist train {recipe.given_as}` again."
            )
    return feeds


def _user_columns(encoding: Encoding) -> dict[str, str]:
    """By tensor, the columns that depend on the user alone."""
    users = (encoding.user, *encoding.user_features)
    columns = {safe_name(each.name): f"user.{each.name}" for each in users}
    if encoding.history_name:
        columns[history_name(encoding.item.name)] = f"user.{encoding.history_name}"
    return columns
