"""Merlin's graph and the exported plan are equivalent."""

import json
from pathlib import Path

import numpy as np
import pytest
from merlin.dag import postorder_iter_nodes
from merlin.systems.dag import Ensemble
from merlin.table import TensorTable

from ensemble.graph.operators import Rank, ServedOperator
from ensemble.graph.recommender import GraphSettings, plan_nodes, recommender
from runtime import plan
from runtime.release import Release
from runtime.request_options import BY_NAME
from runtime.stores.sqlite_store import SqliteFeatureStore
from tests.ensemble.synthetic import USERS


@pytest.fixture(scope="module")
def settings(release: Path) -> GraphSettings:
    """The settings that the release was exported with."""
    saved = json.loads((release / plan.NAME).read_text())["graph"]
    lists = ("user_features", "ranker_features", "generators")
    return GraphSettings(**saved | {name: tuple(saved[name]) for name in lists})


@pytest.fixture(scope="module")
def ensemble(release: Path, store: SqliteFeatureStore, settings: GraphSettings) -> Ensemble:
    """Merlin's graph over the exported release."""
    return recommender(Release(release, store), settings)


def test_merlins_own_execution_gives_the_served_answer(
    ensemble: Ensemble, served: plan.Plan
) -> None:
    """`Ensemble.transform` and the plan agree bit for bit, for known and unknown users."""
    users = [*(str(user) for user in range(1, USERS + 1)), "nobody"]
    request = served.request(
        users,
        top_k=[1 + place % 7 for place in range(len(users))],
        exclude_item_ids=[["7"]] * len(users),
    )
    merlin = ensemble.transform(TensorTable(served.columns(request)))
    answers = served.answer([request])[0]
    assert merlin["item_ids"].values.tolist() == answers.item_ids.tolist()
    assert merlin["scores"].values.tobytes() == np.ascontiguousarray(answers.scores).tobytes()
    assert merlin["known_user"].values.tolist() == answers.known_user.tolist()


def test_the_graph_knows_its_inputs_and_outputs(ensemble: Ensemble) -> None:
    """Merlin's schemas name the columns of requests and answers, with types."""
    assert set(ensemble.input_schema.column_names) == set(BY_NAME)
    outputs = {column.name: column.dtype.name for column in ensemble.output_schema}
    assert outputs["scores"] == "float32"
    assert outputs["item_ids"] == "str"
    assert outputs["known_user"] == "bool"


def test_schemas_say_what_operators_make(
    ensemble: Ensemble, served: plan.Plan, release: Path
) -> None:
    """Types and widths in Merlin's schemas match the output arrays."""
    columns = served.run(served.columns(served.request(["1", "2", "nobody"])))
    checked = set()
    for node in postorder_iter_nodes(ensemble.graph.output_node):
        if isinstance(node.op, ServedOperator):
            for column in node.output_schema:
                array = columns[column.name]
                if column.dtype.name != "str":
                    assert array.dtype.name == column.dtype.name, column.name
                dimensions = column.shape.as_tuple[1:]
                assert len(dimensions) == array.ndim - 1, column.name
                for declared, actual in zip(dimensions, array.shape[1:], strict=True):
                    assert declared in (None, actual) or isinstance(declared, tuple), column.name
                checked.add(column.name)
    assert {"query", "candidate_rows", "user.item_id_history", "item.genres", "scores"} <= checked


def test_every_operator_runs_once_in_the_plan(ensemble: Ensemble, release: Path) -> None:
    """Shared nodes of the graph are in the plan once, each after all nodes that it reads."""
    names = [node["operator"] for node in plan_nodes(ensemble)]
    assert sorted(names) == sorted(set(names))
    assert len(names) == 17
    saved = json.loads((release / plan.NAME).read_text())["nodes"]
    assert [node["operator"] for node in saved] == names


def test_a_graph_that_lacks_a_column_does_not_assemble(
    release: Path, store: SqliteFeatureStore, settings: GraphSettings
) -> None:
    """Merlin's schema pass refuses an operator with an input that no node makes, naming both."""
    node = ["user_id"] >> Rank(Release(release, store), feeds=settings.ranker_feeds)
    with pytest.raises(ValueError, match=r"parents of Rank in the graph to make .*candidate_rows"):
        Ensemble(node, recommender(Release(release, store), settings).input_schema)
