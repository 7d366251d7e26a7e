"""Columns and features of any name go through the whole: what is served is what was trained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ensemble.in_process import served_in_process
from models.prepared import PreparedData
from recipes.schema.recipe import Recipe as Settings
from runtime.candidates.ranker_features import is_ranker_feature
from runtime.plan import Plan
from runtime.safe_names import safe_name
from shortlist import Recipe
from stages.artifacts import Artifacts
from tests.hostile_names import HOSTILE

USERS, ITEMS, EACH = 40, 24, 10
#: The parts that a name can play, and the names of the reported failures.
REPORTED = {
    "user": "User ID",
    "item": "user id",
    "at": "index",
    "label": "target",
    "weight": "count",
    "title": "len",
    "city": "_x",
    "spent": "positive",
    "hobbies": "a/b",
    "bought": "interactions",
    "kind": "size",
    "price": "popularity",
    "band": "цена",
    "tags": "raw_id",
    "rate": "place",
}
SMALL = {"embedding_dim": 8, "max_epochs": 1, "batch_size": 64}
#: Models of every kind; ``crossed`` stands for a crossed feature.
MODELS: dict[str, dict[str, Any]] = {
    "reported": {"retriever": SMALL, "ranker": SMALL},
    "reported category": {"retriever": SMALL, "ranker": SMALL | {"loss": "listwise"}},
    "ratings": {
        "retriever": SMALL,
        "ranker": SMALL
        | {"kind": "wide-and-deep", "target": "label", "crossed_features": "crossed"},
    },
    "log loss": {"retriever": SMALL | {"kind": "log-loss"}, "ranker": SMALL},
    "histories": {"retriever": SMALL | {"kind": "masked-softmax"}, "ranker": SMALL},
    "joint": {
        "retriever": {"embedding_dim": 8},
        "ranker": {"target": "label"},
        "joint": {"max_epochs": 1, "batch_size": 64},
    },
}


def drawn(seed: int) -> dict[str, str]:
    """A hostile name for every part."""
    names = np.random.default_rng(seed).permutation(np.array(HOSTILE, object))
    return dict(zip(REPORTED, names.tolist(), strict=False))


def write_tables(folder: Path, of: Mapping[str, str], category: bool) -> None:
    """Three tables in which even users like even items; ``of``: the name of each part."""
    folder.mkdir()
    random = np.random.default_rng(3)
    rows: list[tuple[str, int, int, float]] = []
    for user in range(USERS):
        taste = np.where(np.arange(ITEMS) % 2 == user % 2, 5.0, 1.0)
        items = random.choice(ITEMS, EACH, replace=False, p=taste / taste.sum())
        rows += [(f"u{user}", int(item), at, 1.0 + item % 5) for at, item in enumerate(items)]
    columns = map(list, zip(*rows, strict=True))
    names = [of[part] for part in ("user", "item", "at", "label")]
    interactions = dict(zip(names, columns, strict=True)) | {of["weight"]: [1.0] * len(rows)}
    users = {
        of["user"]: [f"u{user}" for user in range(USERS)],
        of["city"]: [("Bern", "Ulm", None)[user % 3] for user in range(USERS)],
        of["spent"]: [user / 3 if user % 7 else None for user in range(USERS)],
        of["hobbies"]: [["chess", "tea", "late"][: user % 4] for user in range(USERS)],
    }
    prices: list[Any] = [(7 * item) % 24 / 2 for item in range(ITEMS)]
    items_table = {
        of["item"]: list(range(ITEMS)),
        of["title"]: [f"Item {item}" for item in range(ITEMS)],
        of["kind"]: [("S", "M", "L")[item % 3] for item in range(ITEMS)],
        of["price"]: ["low" if price < 6 else "high" for price in prices] if category else prices,
        of["band"]: [float(item) for item in range(ITEMS)],
        of["tags"]: [["red", "warm"][: item % 3] for item in range(ITEMS)],
    }
    for name, table in (("i", interactions), ("u", users), ("p", items_table)):
        pq.write_table(pa.table(table), folder / f"{name}.parquet")


def content(folder: Path, of: Mapping[str, str], category: bool, models: str) -> dict[str, Any]:
    """The recipe of these tables."""
    options = {name: dict(table) for name, table in MODELS[models].items()}
    if options["ranker"].get("crossed_features"):
        options["ranker"]["crossed_features"] = [[of["city"], of["kind"]], [of["user"], of["tags"]]]
    files = {"interactions": "i", "users": "u", "items": "p"}
    bought = {of["bought"]: {"kind": "count"}}
    rate = {of["rate"]: {"kind": "target", "of": of["kind"]}}
    jointly = models == "joint"
    return {
        "name": "names",
        "source": {"kind": "parquet"}
        | {name: str(folder / f"{file}.parquet") for name, file in files.items()},
        "columns": {
            "timestamp" if part == "at" else part: of[part]
            for part in ("user", "item", "at", "label", "weight", "title")
        },
        "interactions": {"history_length": 5},
        "features": {
            "user": {
                of["city"]: {"kind": "categorical", "shared": of["city"] or "shared"},
                of["spent"]: {"kind": "numeric"},
                of["hobbies"]: {"kind": "categorical", "list": True, "max_length": 2},
            }
            | bought,
            "item": {
                of["kind"]: {"kind": "categorical", "shared": of["city"] or "shared"},
                of["price"]: {"kind": "categorical" if category else "numeric"},
                of["band"]: {"kind": "bucket", "boundaries": [5.0, 12.0]},
                of["tags"]: {"kind": "categorical", "list": True, "max_length": 2},
            }
            | ({} if jointly else rate),
        },
        "split": {"kind": "leave-last-out"},
        "serving": {"candidates": 15, "top_k": 5},
        **options,
    }


@pytest.mark.slow
@pytest.mark.parametrize("models", MODELS)
def test_what_is_served_is_what_was_trained(
    models: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Either engine prepares; inputs and scores in service are those of the trained models' own tables."""
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", str(tmp_path / "artifacts"))
    reported = models.startswith("reported")
    of, category = REPORTED if reported else drawn([*MODELS].index(models)), "category" in models
    write_tables(tmp_path / "raw", of, category)
    shop = Recipe(content(tmp_path / "raw", of, category, models))
    assert {column.name for column in shop.inspect().columns} >= {of["city"], of["band"]}
    shop.prepare().train()
    report = shop.evaluate()
    shop.export()
    users = [f"u{user}" for user in range(USERS)]
    answer = shop.recommend(users, top_k=5, explain=True)
    assert {*answer.item_ids.ravel()} <= {*map(str, range(ITEMS))}
    assert 0 <= report["systems"]["funnel"]["ndcg@10"] <= 1
    assert shop.titles()["3"] == "Item 3"
    with served_in_process(shop.resolved, shop.artifacts) as plan:
        evaluated = plan.recommend(users, top_k=5)
        assert evaluated.item_ids.tolist() == answer.item_ids.tolist()
        np.testing.assert_array_equal(evaluated.scores, answer.scores)
        assert_served_as_trained(plan, shop.resolved, shop.artifacts, users)
        filtered = plan.recommend(users[:3], top_k=5, filter=f"{quoted(of['band'])} < 6")
        assert {int(item) for item in filtered.item_ids.ravel() if item} <= set(range(6))
        given = {of["spent"]: 3.5, of["city"]: "Ulm"}
        assert plan.recommend(["new"], user_features=given).item_ids[0, 0]


def quoted(name: str) -> str:
    """A name in a condition."""
    return "`" + name.replace("`", "``") + "`"


def assert_served_as_trained(
    plan: Plan, recipe: Settings, artifacts: Artifacts, users: list[str]
) -> None:
    """Run the trained models on the prepared tables, and compare with what the plan computed."""
    data = PreparedData(artifacts.prepared)
    served = plan.run(plan.columns(plan.request(users)))
    visible = data.interactions("train", "valid")
    of_user = data.queries(visible, np.array([data.raw_user_ids.index(user) for user in users]))
    query = run(artifacts.models.onnx("query_tower"), of_user)
    np.testing.assert_allclose(served["query"], query, rtol=1e-5, atol=1e-6)

    user, place = np.nonzero(served["candidate_rows"] >= 0)
    item = served["candidate_rows"][user, place]
    columns = {name: values[user] for name, values in of_user.items()}
    columns |= {name: values[item] for name, values in data.items.items()}
    targets = [name for name, one in recipe.features.item.items() if one.for_ranker]
    table = pd.read_parquet(artifacts.prepared.items)
    columns |= {safe_name(name): table[name].to_numpy()[item] for name in targets}
    expected = {safe_name(name) for name in recipe.features.both} if recipe.joint is None else set()
    inputs = {each.name for each in session(artifacts.models.onnx("ranker")).get_inputs()}
    assert inputs >= expected
    for name in inputs - columns.keys():
        assert is_ranker_feature(name)
        columns[name] = served[f"candidate.{name}"][user, place]
    if "popularity" in inputs:
        counts = np.bincount(visible.items, minlength=data.item_count)
        np.testing.assert_allclose(columns["popularity"], np.log1p(counts)[item], rtol=1e-6)
    scores = run(artifacts.models.onnx("ranker"), columns)[:, 0]
    np.testing.assert_allclose(served["ranker_scores"][user, place], scores, rtol=1e-5, atol=1e-6)


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def run(path: Path, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """The output of an exported model for rows of its inputs; further columns are left out."""
    model = session(path)
    fed = {each.name: columns[each.name] for each in model.get_inputs()}
    return model.run(None, {name: each.reshape(len(each), -1) for name, each in fed.items()})[0]
