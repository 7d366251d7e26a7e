"""The multi-stage graph of NVIDIA's example, with Merlin Systems' own operators.

It is favoured where the example cannot run today: users and items are looked up in arrays, encoded
already (in place of a feature store and a workflow), the numbers per candidate that our ranker
reads are given for nothing, and TensorFlow runs in the same process (Triton dropped its TensorFlow
backend). As in the example, nothing is filtered.
"""

import workflows.merlin_compat  # noqa: F401  isort: skip

from pathlib import Path
from typing import Any

import merlin.dtypes as md
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import tensorflow as tf
from merlin.dag import BaseOperator, ColumnSelector, DataFormats
from merlin.schema import ColumnSchema, Schema
from merlin.systems.dag import Ensemble
from merlin.systems.dag.ops.faiss import QueryFaiss, setup_faiss
from merlin.systems.dag.ops.softmax_sampling import SoftmaxSampling
from merlin.systems.dag.ops.tensorflow import PredictTensorflow
from merlin.systems.dag.ops.unroll_features import UnrollFeatures
from merlin.table import TensorTable

from ensemble.parts import Parts, read_parts
from ensemble.runtime.encoding import Encoder
from recipes.artifacts import Artifacts
from recipes.recipe import Recipe

CANDIDATES, TOP_K = 100, 10


class LookUp(BaseOperator):
    """Rows of arrays in memory: what a feature store would answer, at no cost."""

    def __init__(self, key: str, arrays: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.key = key
        self.arrays = arrays

    def compute_selector(self, input_schema: Schema, *_: Any, **__: Any) -> ColumnSelector:
        return ColumnSelector(input_schema.column_names)

    def compute_output_schema(self, *_: Any, **__: Any) -> Schema:
        return Schema(
            [
                ColumnSchema(name, dtype=array.dtype, dims=(None, array.shape[1]))
                for name, array in self.arrays.items()
            ]
        )

    def transform(self, col_selector: ColumnSelector, transformable: TensorTable) -> TensorTable:
        rows = transformable[self.key].values.reshape(-1)
        return TensorTable({name: array[rows] for name, array in self.arrays.items()})

    @property
    def supported_formats(self) -> DataFormats:
        return DataFormats.NUMPY_TENSOR_TABLE


def stock_graph(recipe: Recipe, artifacts: Artifacts, scratch: Path) -> Ensemble:
    """User row -> ordered ids and scores, over the same models and items as ours."""
    parts = read_parts(recipe, artifacts)
    assert parts.item_embeddings is not None  # the recipe has a retriever
    tower = _callable(artifacts.models.saved_model("query_tower"))
    ranker = _callable(artifacts.models.saved_model("ranker"))
    users, items = _user_arrays(artifacts, parts), _item_arrays(parts)
    index = scratch / "index.faiss"
    rows = pd.DataFrame(
        {"item_id": range(len(parts.raw_item_ids)), "embedding": list(parts.item_embeddings)}
    )
    setup_faiss(rows, str(index))

    tower_columns, ranker_columns = tower.column_names, ranker.column_names
    user = ["user_row"] >> LookUp("user_row", {name: users[name] for name in tower_columns})
    retrieved = user >> PredictTensorflow(tower) >> QueryFaiss(index, topk=CANDIDATES)
    of_items = {name: array for name, array in items.items() if name in ranker_columns}
    of_users = {name: users[name] for name in ranker_columns if name not in of_items}
    ranker_user = ["user_row"] >> LookUp("user_row", of_users)
    features = retrieved >> LookUp("candidate_ids", of_items)
    unrolled = features >> UnrollFeatures(next(iter(of_items)), ranker_user[list(of_users)])
    scored = unrolled >> PredictTensorflow(ranker)
    ordered = retrieved["candidate_ids"] >> SoftmaxSampling(
        relevance_col=scored["output"], topk=TOP_K, temperature=0.00000001
    )
    return Ensemble(ordered, Schema([ColumnSchema("user_row", dtype=md.int64, dims=(None, 1))]))


def _callable(saved_model: Path) -> Any:
    """A SavedModel as the callable that ``PredictTensorflow`` wants."""
    loaded = tf.saved_model.load(str(saved_model))
    inputs = loaded.signatures["serving_default"].structured_input_signature[1]

    class Callable(tf.Module):
        column_names = sorted(inputs)

        @tf.function(input_signature=[inputs])
        def __call__(self, columns: dict[str, Any]) -> Any:
            return loaded.serve(columns)

    made = Callable()
    made.loaded = loaded  # keeps its variables alive
    return made


def _user_arrays(artifacts: Artifacts, parts: Parts) -> dict[str, np.ndarray]:
    """Encoded user columns [users, 1] or [users, L]; every history is full, as many users' are."""
    table = pq.read_table(artifacts.prepared.users)
    encoding = parts.encoding
    encoders = (encoding.user, *encoding.user_features)
    arrays = {each.name: _matrix(table[each.name], each) for each in encoders}
    if encoding.history_name:
        codes = parts.item_columns[encoding.item.name][: encoding.history_length]
        arrays[encoding.history_name] = np.tile(codes, (table.num_rows, 1))
    return arrays


def _matrix(column: Any, encoder: Encoder) -> np.ndarray:
    values = np.stack(column.to_numpy()) if encoder.shape else column.to_numpy()[:, None]
    return values.astype(encoder.array_dtype)


def _item_arrays(parts: Parts) -> dict[str, np.ndarray]:
    count = len(parts.raw_item_ids)
    arrays = {name: array.reshape(count, -1) for name, array in parts.item_columns.items()}
    numbers = (name for name, column in parts.ranker_feeds.items() if column == f"candidate.{name}")
    return arrays | {name: np.zeros((count, 1), np.float32) for name in numbers}
