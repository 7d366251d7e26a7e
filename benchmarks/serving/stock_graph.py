"""The multi-stage graph of NVIDIA's example, with Merlin Systems' own operators.

The example (NVIDIA-Merlin/Merlin, examples/Building-and-deploying-multi-stage-RecSys, notebook 02) looks
a user up, encodes, calls the query tower and FAISS, looks the items up, encodes, unrolls, ranks with a
DLRM and orders by ``SoftmaxSampling``; node by node, the graph below does the same. The example no longer
runs as published, so this graph differs from it:

* Users and items are looked up in arrays in memory, at no cost, instead of in Feast.
* TensorFlow runs in the process of the graph: the stock export of ``PredictTensorflow`` needs Triton's
  TensorFlow backend, which Triton dropped in 25.03.
* A request has the row of a user instead of the id.

The three ``WAYS`` to run it:

``path``: the fastest one. The look-ups return encoded values, and models are given as paths, as in the
    example: ``PredictTensorflow`` then calls what ``tf.saved_model.load`` restores.
``object``: the same, but with Keras models, which ``PredictTensorflow`` also accepts and calls as they are,
    layer by layer.
``workflow``: as ``path``, but the look-ups return raw values, and ``TransformWorkflow`` encodes them in each
    request through the fitted NVTabular workflow, as the example does.
"""

from pathlib import Path
from typing import Any, Literal

import merlin.dtypes as md
import numpy as np
from merlin.dag import BaseOperator, ColumnSelector, DataFormats
from merlin.schema import ColumnSchema, Schema
from merlin.systems.dag import Ensemble
from merlin.systems.dag.ops.faiss import QueryFaiss
from merlin.systems.dag.ops.softmax_sampling import SoftmaxSampling
from merlin.systems.dag.ops.tensorflow import PredictTensorflow
from merlin.systems.dag.ops.unroll_features import UnrollFeatures
from merlin.systems.dag.ops.workflow import TransformWorkflow
from merlin.table import TensorTable
from nvtabular import Workflow

from benchmarks.serving.stock_parts import INDEX, MODELS, keras_models
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts

Way = Literal["path", "object", "workflow"]
WAYS: tuple[Way, ...] = ("path", "object", "workflow")
CANDIDATES, TOP_K = 100, 10


class LookUp(BaseOperator):
    """Rows of arrays in memory: what a feature store would return, at no cost."""

    def __init__(self, key: str, arrays: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.key = key
        self.arrays = arrays

    def compute_selector(self, input_schema: Schema, *_: Any, **__: Any) -> ColumnSelector:
        return ColumnSelector(input_schema.column_names)

    def compute_output_schema(self, *_: Any, **__: Any) -> Schema:
        columns = ((name, array.dtype) for name, array in self.arrays.items())
        return Schema([ColumnSchema(name, dtype=dtype, dims=(None,)) for name, dtype in columns])

    def transform(self, col_selector: ColumnSelector, transformable: TensorTable) -> TensorTable:
        rows = transformable[self.key].values.reshape(-1)
        return TensorTable({name: array[rows] for name, array in self.arrays.items()})

    @property
    def supported_formats(self) -> DataFormats:
        return DataFormats.NUMPY_TENSOR_TABLE


def stock_graph(recipe: Recipe, artifacts: Artifacts, parts: Path, way: Way) -> Ensemble:
    """User row -> ordered item codes and scores; ``parts``: the output of ``stock_parts``."""
    models = (
        keras_models(recipe, artifacts)
        if way == "object"
        else {name: str(parts / name) for name in MODELS}
    )
    values = "raw" if way == "workflow" else "encoded"
    users, items = (dict(np.load(parts / f"{values}_{side}.npz")) for side in ("users", "items"))

    user_features = ["user_row"] >> LookUp("user_row", users)
    if way == "workflow":
        user_features = user_features >> TransformWorkflow(_encoder(artifacts, users))
    retrieval = (
        user_features
        >> PredictTensorflow(models["query_tower"])
        >> QueryFaiss(parts / INDEX, topk=CANDIDATES)
    )
    item_features = retrieval["candidate_ids"] >> LookUp("candidate_ids", items)
    if way == "workflow":
        item_features = item_features >> TransformWorkflow(_encoder(artifacts, items))
    item = recipe.columns.item
    combined = item_features >> UnrollFeatures(item, user_features[list(users)])
    ranking = combined >> PredictTensorflow(models["ranker"])
    ordering = combined[item] >> SoftmaxSampling(
        relevance_col=ranking, topk=TOP_K, temperature=0.00000001
    )
    return Ensemble(ordering, Schema([ColumnSchema("user_row", dtype=md.int64, dims=(None,))]))


def _encoder(artifacts: Artifacts, columns: dict[str, np.ndarray]) -> Workflow:
    """The part of the fitted workflow that encodes these columns."""
    workflow = Workflow.load(str(artifacts.prepared.workflow))
    others = [name for name in workflow.input_schema.column_names if name not in columns]
    return workflow.remove_inputs(others)
