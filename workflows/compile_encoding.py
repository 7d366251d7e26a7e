"""Compile the fitted workflow to look-ups that need neither NVTabular nor pandas to be used."""

import json
import math
from pathlib import Path
from typing import Any

import pandas as pd

from features.operators.bucket_codes import bucket_cardinality
from features.schema import Feature
from features.value_types import kind_of
from runtime.features.codes import FIRST_KNOWN
from runtime.features.spelling import spell
from stages.errors import ShortlistError
from workflows.derived import Derived
from workflows.graph import FeatureGraph
from workflows.operators.history import history_name
from workflows.target_statistics import TargetStatistics
from workflows.vocabulary import Vocabulary

FORMAT = 1


def compile_encoding(graph: FeatureGraph, derived: Derived, folder: Path) -> None:
    """Write ``encoding.json`` of a fitted graph into ``folder``, and its ``vocabularies/<column>.json`` and
    ``statistics/<feature>.json``."""
    recipe = graph.recipe
    folder.mkdir(parents=True, exist_ok=True)
    ids = Feature(kind="categorical")
    length = recipe.interactions.history_length
    history = {"name": history_name(recipe.columns.item), "length": length} if length else None
    content = {
        "format": FORMAT,
        "user": _encoder(graph, recipe.columns.user, ids, derived, folder),
        "item": _encoder(graph, recipe.columns.item, ids, derived, folder),
        "user_features": [
            _encoder(graph, name, feature, derived, folder)
            for name, feature in recipe.features.user.items()
        ],
        "item_features": [
            _encoder(graph, name, feature, derived, folder)
            for name, feature in recipe.features.item.items()
        ],
        "history": history,
    }
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    (folder / "encoding.json").write_text(text + "\n", encoding="utf-8")


def _encoder(
    graph: FeatureGraph, name: str, feature: Feature, derived: Derived, folder: Path
) -> dict[str, Any]:
    kinds = derived.tables.kinds
    if feature.kind in ("numeric", "count"):
        return _numeric(graph, name, feature)
    if feature.kind == "age":
        age = {"kind": "age", "column": feature.columns(name)[0], "reference": derived.newest}
        return _numeric(graph, name, feature) | age
    if feature.kind == "target":
        return _numeric(graph, name, feature) | _target(name, derived.targets[name], folder)
    if feature.kind == "bucket":
        return {
            "name": name,
            "kind": "bucket",
            "dtype": "float",
            "boundaries": list(feature.boundaries),
            "cardinality": bucket_cardinality(feature.boundaries),
        }
    kind = "string" if feature.kind == "combined" else kinds[name]
    entry: dict[str, Any] = {"name": name, "dtype": kind}
    if feature.hash_bins:
        entry |= {"hash_bins": feature.hash_bins, "cardinality": FIRST_KNOWN + feature.hash_bins}
    else:
        vocabulary = fitted_vocabulary(graph, name, kind)
        path = f"vocabularies/{vocabulary.name}.json"
        vocabulary.save(folder / path)
        entry |= {"vocabulary": path, "cardinality": vocabulary.cardinality}
    if feature.kind == "combined":
        return entry | {"kind": "combined", "of": list(feature.of)}
    return entry | {
        "kind": "categorical",
        "list": feature.several,
        "text": feature.kind == "text",
        "max_length": feature.max_length if feature.several else None,
        "keep": feature.keep,
    }


def _numeric(graph: FeatureGraph, name: str, feature: Feature) -> dict[str, Any]:
    scaling = graph.scaling(feature)
    mean, std = scaling.means[name], scaling.stds[name]
    if not (math.isfinite(mean) and math.isfinite(std)):
        raise ShortlistError(
            f"the mean of '{name}' is {mean}, its spread {std}: the column holds infinite values, or "
            "numbers too large to add up. Clean it in the table, give it `clip`, or make it kind "
            "'bucket'."
        )
    # a column that does not vary is left undivided
    spread = std if std > 0 else 1.0
    return {
        "name": name,
        "kind": "numeric",
        "dtype": "float",
        "mean": mean,
        "std": spread,
        "fill": feature.fill,
        "clip": feature.clip,
        "log": feature.log,
    }


def _target(name: str, target: TargetStatistics, folder: Path) -> dict[str, Any]:
    dtypes = [kind_of(dtype) for dtype in target.categories.schema.values()]
    seen = target.counts.sum(axis=1) > 0
    categories, means = target.categories.filter(seen), target.means[seen, -1].tolist()
    statistics = [
        [[_spelled(*each) for each in zip(values, dtypes, strict=True)], mean]
        for values, mean in zip(categories.iter_rows(), means, strict=True)
    ]
    path = f"statistics/{name}.json"
    (folder / "statistics").mkdir(exist_ok=True)
    (folder / path).write_text(json.dumps(statistics, ensure_ascii=False), encoding="utf-8")
    return {
        "kind": "target",
        "columns": categories.columns,
        "dtypes": dtypes,
        "statistics": path,
        "otherwise": target.overall,
    }


def _spelled(value: Any, dtype: str) -> str | None:
    return None if value is None else spell(value, dtype)


def fitted_vocabulary(graph: FeatureGraph, name: str, kind: str) -> Vocabulary:
    """The vocabulary that ``Categorify`` wrote for a column, or for all that share it."""
    name = graph.categorify.storage_name.get(name, name)
    values = pd.read_parquet(graph.categorify.categories[name])[name]
    return Vocabulary.of(name, kind, values.tolist())
