"""Trained models -> the files that ``stages.artifacts.Models`` names."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.export.onnx_export import export
from models.item_models.arrays import candidate_arrays
from models.prepared import PreparedData
from models.retrievers.two_tower import TwoTower
from models.training.curves import draw_curves
from models.training.projector import write_projector
from models.training.ranker_training import TrainedRanker
from models.training.timing import timed
from recipes.schema.recipe import Recipe
from stages.artifacts import Models
from stages.log import logger
from stages.progress import phase

log = logger(__name__)

#: A recipe may omit one of them.
Trained = tuple[TwoTower | None, TrainedRanker | None]

#: Rows on which ONNX is compared with TensorFlow.
SAMPLE_ROWS = 256


def write(
    recipe: Recipe,
    data: PreparedData,
    trained: Trained,
    models: Models,
    figures: dict[str, Any],
    titles: dict[str, str],
) -> None:
    """Write SavedModels, ONNX, item embeddings, candidate arrays and the training's figures.

    ``titles``: the items' names in pictures, by raw id.
    """
    with timed(figures, "export"):
        _write_models(recipe, data, trained, models, figures, titles)
    models.training.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _write_models(
    recipe: Recipe,
    data: PreparedData,
    trained: Trained,
    models: Models,
    figures: dict[str, Any],
    titles: dict[str, str],
) -> None:
    retriever, ranker = trained
    # A served user's history and the ranker features are computed from these.
    visible = data.interactions("train", "valid")
    parts: list[tuple[str, Any, dict[str, np.ndarray]]] = []
    if retriever is not None:
        queries = data.queries(visible, np.arange(min(SAMPLE_ROWS, data.user_count)))
        parts.append(("query_tower", retriever.query_tower, queries))
        parts.append(("candidate_tower", retriever.candidate_tower, data.items))
    if ranker is not None:
        parts.append(("ranker", ranker.model, ranker.sample))
    log.info(f"exporting {', '.join(name.replace('_', ' ') for name, *_ in parts)} to ONNX")
    figures["onnx_max_difference"] = {}
    for name, model, rows in parts:
        sample = {column: values[:SAMPLE_ROWS] for column, values in rows.items()}
        with phase(f"export of the {name.replace('_', ' ')}"):
            difference = export(model, sample, models.saved_model(name), models.onnx(name))
        figures["onnx_max_difference"][name] = difference
    if retriever is not None:
        embeddings = retriever.embed_items(data.items)
        _write_embeddings(embeddings, models)
        labels = [titles.get(one) or one for one in data.raw_item_ids]
        write_projector(embeddings, labels, models.logs / "projector")
    models.candidate_arrays.mkdir()
    for name, array in candidate_arrays(recipe, data, visible).items():
        np.save(models.candidate_arrays / name, array, allow_pickle=False)
    draw_curves(figures, models.learning_curves)


def _write_embeddings(embeddings: np.ndarray, models: Models) -> None:
    values = pa.array(np.ascontiguousarray(embeddings, np.float32).ravel())
    width = embeddings.shape[1]
    table = {
        "item_row": np.arange(len(embeddings)),
        "embedding": pa.ListArray.from_arrays(
            np.arange(len(embeddings) + 1, dtype=np.int32) * width, values
        ),
    }
    pq.write_table(pa.table(table), models.item_embeddings)
