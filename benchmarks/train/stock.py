"""Merlin Models trained as documented: its models, its data loader, its ``fit``.

For a fair comparison, it gets the same encoded rows, and Adam with the given learning rate.
"""

import warnings
from dataclasses import dataclass
from typing import Any

import merlin.models.tf as mm
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import tensorflow as tf
from merlin.io import Dataset
from merlin.models.tf.transforms.bias import PopularityLogitsCorrection
from merlin.schema import ColumnSchema, Schema, Tags
from merlin.schema.io.tensorflow_metadata import TensorflowMetadata

from models.prepared import Arrays, PreparedData
from models.tensors import stored_name
from stages.columns import POSITIVE

TARGET = "click"


@dataclass(frozen=True)
class Stock:
    """A compiled model and the loader of its training rows; an incomplete last batch is dropped."""

    model: mm.Model
    loader: mm.Loader

    def train(self, epochs: int = 1, callbacks: Any = ()) -> None:
        """Run the stock ``fit``, without a progress bar."""
        self.model.fit(self.loader, epochs=epochs, verbose=0, callbacks=list(callbacks))


def two_tower(
    data: PreparedData,
    frame: pd.DataFrame,
    *,
    layers: list[int],
    batch_size: int,
    rate: float,
    embeddings: mm.EmbeddingOptions | None = None,
    metrics: bool = True,
    counts: np.ndarray | None = None,
) -> Stock:
    """``TwoTowerModel`` over ids and features, in-batch negatives.

    ``metrics``: its default ones (recall and NDCG of the batch), or none. ``counts``: how often each item
    code is drawn, float32 [codes]; Merlin's ``PopularityLogitsCorrection`` then corrects the logits.
    """
    schema = Schema([column for column in _schema(data) if column.name in frame])
    options: dict[str, Any] = {}
    if embeddings is not None:
        options["embedding_options"] = embeddings
    if counts is not None:
        correction = PopularityLogitsCorrection(counts, schema=schema)
        options["prediction_tasks"] = mm.ItemRetrievalTask(schema, post_logits=correction)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tower = mm.MLPBlock(layers, no_activation_last_layer=True)
        model = mm.TwoTowerModel(schema, query_tower=tower, **options)
        chosen: dict[str, Any] = {} if metrics else {"metrics": []}
        model.compile(optimizer=tf.keras.optimizers.Adam(rate), **chosen)
    return Stock(model, _loader(frame, schema, batch_size))


def dlrm(
    data: PreparedData,
    columns: Arrays,
    target: np.ndarray,
    *,
    embedding_dim: int,
    layers: list[int],
    batch_size: int,
    rate: float,
) -> Stock:
    """``DLRMModel`` with a binary output and its default metrics."""
    schema = Schema([column for column in _schema(data) if column.name in columns])
    tags = [Tags.BINARY_CLASSIFICATION, Tags.TARGET]
    schema += Schema([ColumnSchema(TARGET, dtype=np.int64, tags=tags)])
    model = mm.DLRMModel(
        schema,
        embedding_dim=embedding_dim,
        top_block=mm.MLPBlock(layers),
        prediction_tasks=mm.BinaryOutput(TARGET),
    )
    model.compile(optimizer=tf.keras.optimizers.Adam(rate))
    frame = pd.DataFrame({**columns, TARGET: target.astype(np.int64)})
    return Stock(model, _loader(frame, schema, batch_size))


def training_frame(data: PreparedData, columns: Schema) -> pd.DataFrame:
    """The positives of ``train`` with these columns; list columns hold lists."""
    files = sorted(data.files.interactions("train").glob("*.parquet"))
    frame = pd.concat([pq.read_table(file).to_pandas() for file in files], ignore_index=True)
    named = frame.rename(columns={stored_name(column): column.name for column in columns})
    return named.loc[frame[POSITIVE] > 0, columns.column_names].reset_index(drop=True)


def inputs(data: PreparedData, columns: Arrays) -> dict[str, Any]:
    """Rows of the users or items table, as the loader would pass them to a tower."""
    raw: dict[str, tf.Tensor] = {}
    for name, column in columns.items():
        if column.ndim == 1:
            raw[name] = tf.constant(column[:, None])
            continue
        known = column > 0
        raw[f"{name}__values"] = tf.constant(column[known])
        edges = np.concatenate([[0], np.cumsum(known.sum(axis=1))])
        raw[f"{name}__offsets"] = tf.constant(edges.astype(np.int32))
    chosen = Schema([column for column in _schema(data) if column.name in columns])
    return mm.PrepareFeatures(chosen)(raw)


def _schema(data: PreparedData) -> Schema:
    """The schema that the workflow wrote, with lists of any length."""
    folder = str(data.files.interactions("train"))
    return TensorflowMetadata.from_proto_text_file(folder).to_merlin_schema()


def _loader(frame: pd.DataFrame, schema: Schema, batch_size: int) -> mm.Loader:
    dataset = Dataset(frame, schema=schema)
    return mm.Loader(dataset, batch_size=batch_size, shuffle=True, drop_last=True)
