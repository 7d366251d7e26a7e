"""Write the parts of the stock graph from our trained parts, in a separate process.

    python -m benchmarks.serving.stock_parts RECIPE FOLDER

Writes ``query_tower`` and ``ranker`` as the example saves its models (``model.save``), the FAISS index
of Merlin Systems' ``setup_faiss``, and the encoded and the raw columns of users and items as arrays.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import tensorflow as tf
from merlin.systems.dag.ops.faiss import setup_faiss

from models.prepared import Arrays, PreparedData
from models.rankers import ranker_module
from models.rankers.inputs_schema import ranker_schema
from models.retrievers import head
from recipes.load import load
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts

MODELS = ("query_tower", "ranker")
INDEX = "index.faiss"


def keras_models(recipe: Recipe, artifacts: Artifacts) -> dict[str, Any]:
    """The trained query tower and ranker as models of Merlin Models, by name.

    Training stores them as functions (SavedModel and ONNX), so they are built again here, called, and given
    the trained weights.
    """
    data = PreparedData(artifacts.prepared)
    visible = data.interactions("train")
    two_tower = head(recipe.retriever.kind).build(data, recipe.retriever, visible, 1)
    ranker = ranker_module(recipe.ranker.kind).build(data, recipe.ranker, {}, 1)
    both = {name: column[:1] for name, column in (data.users | data.items).items()}
    ranked = ranker_schema(data, recipe.ranker, []).column_names
    samples = {
        "query_tower": {name: column for name, column in both.items() if name in data.users},
        "ranker": {name: column for name, column in both.items() if name in ranked},
    }
    models = {"query_tower": two_tower.query_tower, "ranker": ranker}
    for name, model in models.items():
        model({column: tf.constant(values) for column, values in samples[name].items()})
        trained = tf.saved_model.load(str(artifacts.models.saved_model(name))).weights
        for variable, value in zip(model.variables, trained, strict=True):
            variable.assign(value)
    return models


def write(recipe: Recipe, artifacts: Artifacts, folder: Path) -> None:
    """Write all parts under ``folder``."""
    tf.get_logger().setLevel("ERROR")  # Keras logs at length which layers it saves as functions
    for name, model in keras_models(recipe, artifacts).items():
        model.save(str(folder / name))
    data = PreparedData(artifacts.prepared)
    _save(folder / "encoded_users.npz", data.users)
    _save(folder / "encoded_items.npz", data.items)
    # The raw tables have another order; encoded rows are sorted by raw id, as strings.
    for name, key, raw, ids in (
        ("raw_users", recipe.columns.user, artifacts.raw.users, data.raw_user_ids),
        ("raw_items", recipe.columns.item, artifacts.raw.items, data.raw_item_ids),
    ):
        table = pq.read_table(raw).to_pandas()
        table = table.set_index(table[key].astype(str)).loc[list(ids)]
        columns = data.users if key in data.users else data.items
        _save(folder / f"{name}.npz", {column: table[column].to_numpy() for column in columns})
    embeddings = pq.read_table(artifacts.models.item_embeddings).to_pandas()
    rows = pd.DataFrame({"item_id": embeddings["item_row"], "embedding": embeddings["embedding"]})
    setup_faiss(rows, str(folder / INDEX))


def _save(path: Path, arrays: Arrays) -> None:
    np.savez(path, **arrays)


if __name__ == "__main__":
    given = load(sys.argv[1])
    write(given, Artifacts.of(given.name), Path(sys.argv[2]))
