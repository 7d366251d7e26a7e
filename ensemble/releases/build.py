"""Trained parts -> the files of a release, in any folder."""

import json
import shutil
import time
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.feature_store.choice import store_of
from ensemble.releases.attributes import read_attributes
from ensemble.releases.carried_code import copy_code
from ensemble.releases.onnx_graph import optimise
from ensemble.releases.parts import Parts, read_parts, release_models
from ensemble.releases.records import RECORDS
from ensemble.triton.config import CONFIG, config_text
from metrics import ranking
from recipes.schema.recipe import Recipe
from runtime import event_kinds, manifest, plan
from runtime.arrays import save
from runtime.candidates import item_attributes
from runtime.candidates.catalogue import Catalogue
from runtime.candidates.generators import GENERATORS, TWO_TOWER
from runtime.candidates.item_index import build_index, exact_search
from runtime.candidates.ranker_features import arrays_of
from runtime.errors import RequestError
from runtime.release import EMBEDDINGS, ITEM_CODES, Release
from runtime.stores.feature_store import FeatureStore
from stages.artifacts import Artifacts
from stages.errors import ShortlistError
from stages.prerequisites import need

#: Users whose queries measure the recall of an approximate index.
MEASURED_USERS = 256
LIBRARIES = (
    "numpy",
    "onnxruntime",
    "faiss-cpu",
    "regex",
    "nvtabular",
    "merlin-core",
    "merlin-models",
    "merlin-systems",
    "tensorflow-cpu",
    "tensorflow",
    "nvidia-pytriton",
)


def assemble(
    recipe: Recipe,
    artifacts: Artifacts,
    directory: Path,
    store: FeatureStore,
    records: str,
    made_from: str = "",
) -> None:
    """Write a complete, sealed release into ``directory``.

    ``store`` holds the users whose queries measure an approximate index; ``records`` is the version of the
    users' records in it that the release reads; ``made_from`` identifies what the release was made from.
    The manifest has both.

    Raises:
        ShortlistError: a part is missing or does not match the others.
    """
    parts = read_parts(recipe, artifacts)
    directory.mkdir(parents=True, exist_ok=True)
    copy_code(directory)
    (directory / CONFIG).write_text(config_text(recipe), encoding="utf-8")
    shutil.copytree(artifacts.prepared.encoding, directory / "encoding")
    if artifacts.prepared.event_kinds.exists():
        shutil.copyfile(artifacts.prepared.event_kinds, directory / event_kinds.NAME)
    for name in release_models(recipe):
        optimise(artifacts.models.onnx(name), directory / f"{name}.onnx")
    Catalogue.write(directory, parts.raw_item_ids)
    codes = parts.item_columns[parts.encoding.item.name]
    save(directory / ITEM_CODES, codes.astype(np.int32))
    item_attributes.write(directory, read_attributes(recipe, artifacts, parts))
    _write_json(directory / "recipe.json", recipe.model_dump(mode="json"))
    item_arrays = _write_arrays(parts, artifacts, recipe, directory)
    index_facts = _write_index(parts.item_embeddings, recipe, directory)
    nodes = _write_plan(recipe, artifacts, parts, item_arrays, directory, store, records)
    if index_facts["kind"] == "approximate":
        index_facts["recall"] = _measured_recall(recipe, parts, nodes, directory, store)
    manifest.seal(
        directory,
        {
            "recipe": recipe.name,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "made_from": made_from,
            RECORDS: records,
            "libraries": _library_versions(),
            "items": len(parts.raw_item_ids),
            "index": index_facts,
            "candidates": recipe.serving.candidates,
            "evaluation": _evaluation(artifacts),
        },
    )


def _write_arrays(
    parts: Parts, artifacts: Artifacts, recipe: Recipe, directory: Path
) -> dict[str, str]:
    """Write the item arrays that the ranker reads; returns the file of each encoded item column."""
    (directory / "item_features").mkdir()
    files = {}
    for tensor, column in parts.ranker_feeds.items():
        if column.startswith("item."):
            name = column.removeprefix("item.")
            files[name] = f"item_features/{tensor}.npy"
            save(directory / files[name], parts.item_columns[name])
    generator_arrays = (
        GENERATORS[name].arrays for name in recipe.serving.generators if name != TWO_TOWER
    )
    for array in sorted({*arrays_of(parts.ranker_features), *chain(*generator_arrays)}):
        need(artifacts.models.candidate_arrays / array, "train", recipe.given_as)
        shutil.copyfile(artifacts.models.candidate_arrays / array, directory / array)
    return files


def _write_index(embeddings: np.ndarray | None, recipe: Recipe, directory: Path) -> dict[str, Any]:
    if embeddings is None:
        return {"kind": "none", "recall": 1.0}
    import faiss

    save(directory / EMBEDDINGS, embeddings)
    began = time.perf_counter()
    index = build_index(embeddings, recipe.serving.index)
    seconds = round(time.perf_counter() - began, 1)
    # Given a path, FAISS does not report a disk that is full when it closes the file.
    with (directory / "index.faiss").open("wb") as file:
        faiss.write_index(index.faiss_index, faiss.PyCallbackIOWriter(file.write))
    # Exact search has recall 1 by definition; other indexes are measured.
    dimension = embeddings.shape[1]
    return {"kind": index.kind, "dimension": dimension, "build_s": seconds, "recall": 1.0}


def _write_plan(
    recipe: Recipe,
    artifacts: Artifacts,
    parts: Parts,
    item_arrays: dict[str, str],
    directory: Path,
    store: FeatureStore,
    records: str,
) -> list[dict[str, Any]]:
    """Build Merlin's graph over the files written so far, which checks itself, and write its plan."""
    from ensemble.graph.recommender import GraphSettings, plan_nodes, recommender

    kinds = event_kinds.EventKinds.read(directory / event_kinds.NAME)
    settings = GraphSettings(
        candidates=min(recipe.serving.candidates, len(parts.raw_item_ids)),
        retrieves=parts.item_embeddings is not None,
        absolute=recipe.retriever.absolute,
        generators=recipe.serving.generators,
        reads_repeats=recipe.reads_repeats,
        exclude=recipe.serving.exclude,
        ranks=recipe.ranks,
        user_features=parts.encoding.user_columns,
        records=records,
        history_kinds=kinds.history if kinds else None,
        seen_kinds=kinds.seen if kinds else None,
        item_arrays=item_arrays,
        ranker_features=parts.ranker_features,
        query_feeds=parts.query_feeds,
        ranker_feeds=parts.ranker_feeds,
        probabilities=recipe.ranks_probabilities,
        rules=recipe.serving.rules,
    )
    try:
        nodes = plan_nodes(recommender(Release(directory, store), settings))
    except RequestError as error:
        raise ShortlistError(f"serving.{error}") from error
    content = {
        "format": plan.FORMAT,
        # A small catalogue has fewer candidates, but a request may still ask for this many.
        "candidates": recipe.serving.candidates,
        "top_k": recipe.serving.top_k,
        "feature_store": store_of(recipe, artifacts).for_plan(artifacts.model_repository),
        "graph": asdict(settings),
        "nodes": nodes,
    }
    _write_json(directory / plan.NAME, content)
    return nodes


def _measured_recall(
    recipe: Recipe,
    parts: Parts,
    nodes: list[dict[str, Any]],
    directory: Path,
    store: FeatureStore,
) -> float:
    """Recall of retrieval against exact search, for the queries of some users."""
    served = plan.load_verified(directory, store)
    users = list(parts.encoding.user.codes)[:MEASURED_USERS] or [""]
    columns = served.run(served.columns(served.request(users)))
    assert parts.item_embeddings is not None  # there is an index
    k = min(recipe.serving.candidates, len(parts.raw_item_ids))
    exact, _ = exact_search(
        parts.item_embeddings, columns["query"], k, absolute=recipe.retriever.absolute
    )
    found = columns["retrieved_rows"]
    return float(ranking.recall(found, list(exact), found.shape[1]).mean())


def _library_versions() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _evaluation(artifacts: Artifacts) -> Any:
    return (
        json.loads(artifacts.report.read_text(encoding="utf-8"))
        if artifacts.report.exists()
        else None
    )


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
