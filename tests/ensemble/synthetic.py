"""A small made-up recommender: every file of `prepare` and `train`, with real ONNX models."""

import json
from pathlib import Path

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper

from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.columns import PLACE, POSITIVE, RAW_ID

USERS, ITEMS, DIMENSION, HISTORY = 80, 400, 8, 6
GENRES = ["Action", "Drama", "Comedy", "Western"]

RECIPE = Recipe.model_validate(
    {
        "name": "made-up",
        "source": {"kind": "parquet", "interactions": "interactions.parquet"},
        "columns": {"user": "user_id", "item": "item_id", "timestamp": "time"},
        "interactions": {"history_length": HISTORY},
        "features": {
            "user": {
                "age": {"kind": "bucket", "boundaries": (18.0, 30.0, 50.0)},
                "gender": {"kind": "categorical"},
                "income": {"kind": "numeric", "fill": 1.0},
                "group": {"kind": "combined", "of": ("age", "gender"), "hash_bins": 8},
            },
            "item": {
                "genres": {"kind": "categorical", "list": True, "max_length": 3},
                "price": {"kind": "numeric"},
            },
        },
        "split": {"kind": "random"},
        "serving": {"candidates": 50, "top_k": 5, "max_batch_size": 64},
    }
)


#: The part of the recipe that commands need, as a file.
TOML = """
name = "made-up"
source = { kind = "parquet", interactions = "interactions.parquet" }
columns = { user = "user_id", item = "item_id", timestamp = "time" }
split = { kind = "random" }
"""


def write_artifacts(root: Path, seed: int = 7) -> Artifacts:
    """Write raw tables, prepared data and models below ``root``."""
    artifacts = Artifacts(root)
    random = np.random.default_rng(seed)
    interactions = _write_raw(artifacts, random)
    _write_prepared(artifacts, interactions, random)
    _write_models(artifacts, random)
    return artifacts


def interactions(artifacts: Artifacts) -> dict[str, list[str]]:
    """Every user's items, oldest first; all of them are in the training part."""
    table = pq.read_table(artifacts.raw.interactions).to_pandas()
    found: dict[str, list[str]] = {str(user): [] for user in range(1, USERS + 1)}
    for user, item in table.sort_values("time", kind="stable")[["user_id", "item_id"]].values:
        found[str(user)].append(str(item))
    return found


def _write_raw(artifacts: Artifacts, random: np.random.Generator) -> pa.Table:
    artifacts.raw.root.mkdir(parents=True)
    user_ids = list(range(1, USERS + 1))
    users = {
        "user_id": user_ids,
        "age": [None if user == 3 else int(random.integers(10, 70)) for user in user_ids],
        "gender": [None if user == 4 else "FM"[user % 2] for user in user_ids],
        "income": [None if user == 5 else float(random.normal(3, 2)) for user in user_ids],
    }
    pq.write_table(pa.table(users), artifacts.raw.users)
    of_items = np.random.default_rng(1)
    items = {
        "item_id": list(range(1, ITEMS + 1)),
        "genres": [of_items.choice(GENRES, 2, replace=False).tolist() for _ in range(ITEMS)],
        "price": of_items.random(ITEMS),
    }
    pq.write_table(pa.table(items), artifacts.raw.items)
    rows = []
    for user in user_ids[:-2]:  # two users have no interaction
        seen = random.choice(ITEMS, size=int(random.integers(1, 30)), replace=False)
        rows += [(user, int(item) + 1, int(random.integers(0, 1000))) for item in seen]
    # One user has seen almost everything: fewer than k items remain.
    rows += [(USERS, item, item) for item in range(1, ITEMS - 2)]
    columns = dict(
        zip(("user_id", "item_id", "time"), map(list, zip(*rows, strict=True)), strict=True)
    )
    table = pa.table(columns)
    pq.write_table(table, artifacts.raw.interactions)
    return table


def replace_interactions(artifacts: Artifacts, columns: dict[str, list[int]]) -> None:
    """Write other interactions, raw and prepared: all are positives, every second one is in valid."""
    table = pa.table(columns)
    pq.write_table(table, artifacts.raw.interactions)
    rows = np.arange(len(table))
    table = table.append_column(POSITIVE, pa.array(np.ones(len(rows), bool)))
    table = table.append_column(PLACE, pa.array(rows))
    for part, chosen in (("train", rows % 2 == 0), ("valid", rows % 2 == 1)):
        path = artifacts.prepared.raw_interactions(part) / "part_00000.parquet"
        pq.write_table(table.filter(pa.array(chosen)), path)


def _write_prepared(
    artifacts: Artifacts, interactions: pa.Table, random: np.random.Generator
) -> None:
    prepared = artifacts.prepared
    interactions = interactions.append_column(
        POSITIVE, pa.array(np.ones(interactions.num_rows, bool))
    )
    place = np.argsort(np.argsort(interactions["time"].to_numpy(), kind="stable"), kind="stable")
    interactions = interactions.append_column(PLACE, pa.array(place))
    valid = np.arange(interactions.num_rows) % 10 == 0
    for part, chosen in (("train", ~valid), ("valid", valid)):
        folder = prepared.raw_interactions(part)
        folder.mkdir(parents=True)
        pq.write_table(interactions.filter(pa.array(chosen)), folder / "part_00000.parquet")
    vocabularies = {
        # User 2 and item 9 are out of vocabulary.
        "user_id": [str(user) for user in range(1, USERS + 1) if user != 2],
        "item_id": [str(item) for item in range(1, ITEMS + 1) if item != 9],
        "gender": ["M", "F"],
        "genres": GENRES[:3],
    }
    (prepared.encoding / "vocabularies").mkdir(parents=True)
    for name, words in vocabularies.items():
        path = prepared.encoding / "vocabularies" / f"{name}.json"
        path.write_text(json.dumps(words), encoding="utf-8")

    def categorical(name: str, dtype: str, max_length: int | None = None) -> dict[str, object]:
        return {
            "name": name,
            "kind": "categorical",
            "dtype": dtype,
            "vocabulary": f"vocabularies/{name}.json",
            "list": max_length is not None,
            "max_length": max_length,
            "cardinality": len(vocabularies[name]) + 3,
        }

    age = {"name": "age", "kind": "bucket", "dtype": "float", "boundaries": [18, 30, 50]}
    income = {
        "name": "income",
        "kind": "numeric",
        "dtype": "float",
        "mean": 3.0,
        "std": 2.0,
        "fill": 1,
    }
    price = {
        "name": "price",
        "kind": "numeric",
        "dtype": "float",
        "mean": 0.5,
        "std": 0.25,
        "fill": 0,
    }
    group = {
        "name": "group",
        "kind": "combined",
        "dtype": "string",
        "of": ["age", "gender"],
        "hash_bins": 8,
        "cardinality": 11,
    }
    encoding = {
        "format": 1,
        "user": categorical("user_id", "integer"),
        "item": categorical("item_id", "integer"),
        "user_features": [age | {"cardinality": 7}, categorical("gender", "string"), income, group],
        "item_features": [categorical("genres", "string", 3), price],
        "history": {"name": "item_id_history", "length": HISTORY},
    }
    (prepared.encoding / "encoding.json").write_text(json.dumps(encoding), encoding="utf-8")
    code = {word: code for code, word in enumerate(vocabularies["item_id"], start=3)}
    raw_ids = [str(item) for item in range(1, ITEMS + 1)]
    items = {
        RAW_ID: raw_ids,
        "item_id": [code.get(raw_id, 2) for raw_id in raw_ids],
        "genres": [random.integers(2, 6, size=random.integers(1, 4)).tolist() for _ in raw_ids],
        "price": random.normal(size=ITEMS).astype(np.float32),
    }
    pq.write_table(pa.table(items), prepared.items)


def _write_models(artifacts: Artifacts, random: np.random.Generator) -> None:
    models = artifacts.models
    for name in ("query_tower", "ranker"):
        models.onnx(name).parent.mkdir(parents=True)
    onnx.save(query_tower(random), str(models.onnx("query_tower")))
    onnx.save(ranker(random), str(models.onnx("ranker")))
    embeddings = random.normal(size=(ITEMS, DIMENSION)).astype(np.float32)
    embeddings[20] = embeddings[10]  # a tie
    table = {"item_row": np.arange(ITEMS), "embedding": list(embeddings)}
    pq.write_table(pa.table(table), models.item_embeddings)
    models.candidate_arrays.mkdir()
    arrays = {
        "popularity": random.integers(0, 50, ITEMS).astype(np.float32),
        "neighbour_rows": random.integers(-1, ITEMS, (ITEMS, 20)).astype(np.int32),
        "neighbour_similarities": random.random((ITEMS, 20)).astype(np.float32),
    }
    for name, array in arrays.items():
        np.save(models.candidate_arrays / f"{name}.npy", array, allow_pickle=False)


def query_tower(random: np.random.Generator) -> onnx.ModelProto:
    """tanh of a linear layer over embeddings, income and the mean of the history."""
    tables = {"user_id": USERS + 3, "age": 7, "gender": 5, "group": 11}
    tables["item_id_history"] = ITEMS + 3
    return _model(
        random,
        codes={"user_id": 1, "age": 1, "gender": 1, "group": 1, "item_id_history": HISTORY},
        numbers=["income"],
        tables=tables,
        hidden=None,
        width=DIMENSION,
    )


def ranker(random: np.random.Generator) -> onnx.ModelProto:
    """A two-layer network over user and item columns and numbers per candidate."""
    tables = {"gender": 5, "item_id": ITEMS + 3, "genres": 6}
    return _model(
        random,
        codes={"gender": 1, "item_id": 1, "genres": 3},
        numbers=["income", "price", "retrieval_score", "popularity", "activity", "cooccurrence"],
        tables=tables,
        hidden=16,
        width=1,
    )


def _model(
    random: np.random.Generator,
    codes: dict[str, int],
    numbers: list[str],
    tables: dict[str, int],
    hidden: int | None,
    width: int,
) -> onnx.ModelProto:
    weights, nodes, joined = [], [], []

    def weight(name: str, *shape: int) -> str:
        values = random.normal(scale=0.3, size=shape).astype(np.float32)
        weights.append(numpy_helper.from_array(values, name))
        return name

    for name in codes:
        table = weight(f"{name}_table", tables[name], 4)
        nodes.append(helper.make_node("Gather", [table, name], [f"{name}_each"]))
        mean = helper.make_node(
            "ReduceMean", [f"{name}_each"], [f"{name}_mean"], axes=[1], keepdims=0
        )
        nodes.append(mean)
        joined.append(f"{name}_mean")
    inputs = 4 * len(codes) + len(numbers)
    nodes.append(helper.make_node("Concat", [*joined, *numbers], ["joined"], axis=1))
    last, size = "joined", inputs
    if hidden is not None:
        first = [last, weight("w0", size, hidden), weight("b0", hidden)]
        nodes.append(helper.make_node("Gemm", first, ["linear"]))
        nodes.append(helper.make_node("Relu", ["linear"], ["hidden"]))
        last, size = "hidden", hidden
    nodes.append(helper.make_node("MatMul", [last, weight("w1", size, width)], ["product"]))
    nodes.append(helper.make_node("Tanh", ["product"], ["output"]))
    graph = helper.make_graph(
        nodes,
        "made-up",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["N", codes[name]])
            for name in codes
        ]
        + [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 1]) for name in numbers],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", width])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model
