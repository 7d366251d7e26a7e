"""A synthetic recommender of any size: every file that `shortlist export` reads, with small real models."""

import json

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper

from benchmarks.scale.embeddings import MadeUp
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.columns import PLACE, POSITIVE, RAW_ID

PRICES = 8


def scale_recipe(items: int) -> Recipe:
    """Users have an id, items an id and one of eight prices; seen items are left out."""
    return Recipe.model_validate(
        {
            "name": f"scale-{items}",
            "source": {"kind": "parquet", "interactions": "interactions.parquet"},
            "columns": {"user": "user_id", "item": "item_id"},
            "interactions": {"history_length": 0},
            "features": {"item": {"price": {"kind": "categorical"}}},
            "split": {"kind": "random"},
            "serving": {"candidates": 100, "top_k": 10},
        }
    )


def write_parts(artifacts: Artifacts, made: MadeUp) -> None:
    """Write raw tables, prepared data and models of ``made``, whose queries become those of its users."""
    users, items = len(made.queries), len(made.items)
    user_ids, item_ids = (
        [f"u{user}" for user in range(users)],
        [f"i{item}" for item in range(items)],
    )
    random = np.random.default_rng(1)
    parts = [artifacts.prepared.raw_interactions(part) for part in ("train", "valid")]
    for folder in (artifacts.raw.root, *parts):
        folder.mkdir(parents=True)
    pq.write_table(pa.table({"user_id": user_ids}), artifacts.raw.users)
    seen = [item_ids[row] for row in random.integers(items, size=20 * users)]
    table = pa.table({"user_id": np.repeat(user_ids, 20), "item_id": seen})
    pq.write_table(table, artifacts.raw.interactions)
    table = table.append_column(POSITIVE, pa.array(np.ones(len(seen), bool)))
    table = table.append_column(PLACE, pa.array(np.arange(len(seen))))
    for folder, rows in zip(parts, (table, table.slice(0, 0)), strict=True):
        pq.write_table(rows, folder / "part_00000.parquet")

    prices = [f"p{price}" for price in range(PRICES)]
    priced = random.integers(3, 3 + PRICES, items)
    pq.write_table(
        pa.table({"item_id": item_ids, "price": np.array(prices)[priced - 3]}), artifacts.raw.items
    )
    codes = np.arange(3, 3 + items)
    encoded = {RAW_ID: item_ids, "item_id": codes, "price": priced}
    pq.write_table(pa.table(encoded), artifacts.prepared.items)
    _write_encoding(artifacts, {"user_id": user_ids, "item_id": item_ids, "price": prices})

    for name, model in (("query_tower", _query_tower(made.queries)), ("ranker", _ranker(random))):
        artifacts.models.onnx(name).parent.mkdir(parents=True)
        onnx.save(model, str(artifacts.models.onnx(name)))
    flat = pa.FixedSizeListArray.from_arrays(made.items.ravel(), made.items.shape[1])
    rows = pa.table({"item_row": np.arange(items), "embedding": flat})
    pq.write_table(rows, artifacts.models.item_embeddings)


def _write_encoding(artifacts: Artifacts, vocabularies: dict[str, list[str]]) -> None:
    folder = artifacts.prepared.encoding / "vocabularies"
    folder.mkdir(parents=True)
    entries = {}
    for name, words in vocabularies.items():
        (folder / f"{name}.json").write_text(json.dumps(words), encoding="utf-8")
        entries[name] = {
            "name": name,
            "kind": "categorical",
            "dtype": "string",
            "vocabulary": f"vocabularies/{name}.json",
            "cardinality": len(words) + 3,
        }
    content = {
        "format": 1,
        "user": entries["user_id"],
        "item": entries["item_id"],
        "user_features": [],
        "item_features": [entries["price"]],
        "history": None,
    }
    (artifacts.prepared.encoding / "encoding.json").write_text(json.dumps(content))


def _query_tower(queries: np.ndarray) -> onnx.ModelProto:
    """Looks up a user's query; the first three rows belong to no user."""
    table = np.concatenate([np.tile(queries.mean(axis=0), (3, 1)), queries]).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "user_id"], ["looked_up"]),
        helper.make_node("Squeeze", ["looked_up", "axis"], ["query"]),
    ]
    weights = {"table": table, "axis": np.array([1], np.int64)}
    return _model(nodes, {"user_id": TensorProto.INT64}, "query", queries.shape[1], weights)


def _ranker(random: np.random.Generator) -> onnx.ModelProto:
    """Two layers over the retrieval score and the price."""
    names = {"prices": (PRICES + 3, 16), "first": (17, 64), "second": (64, 1)}
    weights = {
        name: random.normal(scale=0.3, size=shape).astype(np.float32)
        for name, shape in names.items()
    }
    weights["axis"] = np.array([1], np.int64)
    nodes = [
        helper.make_node("Gather", ["prices", "price"], ["looked_up"]),
        helper.make_node("Squeeze", ["looked_up", "axis"], ["priced"]),
        helper.make_node("Concat", ["priced", "retrieval_score"], ["joined"], axis=1),
        helper.make_node("MatMul", ["joined", "first"], ["linear"]),
        helper.make_node("Relu", ["linear"], ["hidden"]),
        helper.make_node("MatMul", ["hidden", "second"], ["score"]),
    ]
    inputs = {"price": TensorProto.INT64, "retrieval_score": TensorProto.FLOAT}
    return _model(nodes, inputs, "score", 1, weights)


def _model(
    nodes: list[onnx.NodeProto],
    inputs: dict[str, int],
    output: str,
    width: int,
    weights: dict[str, np.ndarray],
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "made-up",
        [helper.make_tensor_value_info(name, kind, ["N", 1]) for name, kind in inputs.items()],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["N", width])],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model
