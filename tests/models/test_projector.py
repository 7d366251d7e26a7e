"""Item embeddings as TensorBoard's own projector plugin serves them to its page."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from tensorboard.backend.event_processing import (  # type: ignore[import-untyped]
    data_provider,
    plugin_event_multiplexer,
)
from tensorboard.plugins import base_plugin  # type: ignore[import-untyped]
from tensorboard.plugins.projector.projector_plugin import (  # type: ignore[import-untyped]
    ProjectorPlugin,
)
from werkzeug.test import Client

from models.training import projector
from models.training.projector import write_projector
from stages.artifacts import Artifacts
from stages.columns import RAW_ID


class Projector:
    """What `tensorboard --logdir` serves to its projector page."""

    def __init__(self, logdir: Path) -> None:
        events = plugin_event_multiplexer.EventMultiplexer()
        events.AddRunsFromDirectory(str(logdir))
        events.Reload()
        provider = data_provider.MultiplexerDataProvider(events, str(logdir))
        context = base_plugin.TBContext(data_provider=provider, logdir=str(logdir))
        self.routes = ProjectorPlugin(context).get_plugin_apps()

    def get(self, route: str, **query: Any) -> bytes:
        answer = Client(self.routes[route]).get(route, query_string=query)
        assert answer.status_code == 200, answer.text
        return answer.data

    def labels(self) -> list[str]:
        """One label per point; the page skips empty lines."""
        content = self.get("/metadata", run=".", name="items", num_rows=100_000).decode()
        return [line for line in content.split("\n") if line.strip()]

    def vectors(self, dim: int) -> np.ndarray:
        content = self.get("/tensor", run=".", name="items", num_rows=100_000)
        return np.frombuffer(content, np.float32).reshape(-1, dim)


def test_vectors_and_labels_are_served(tmp_path: Path) -> None:
    """Each point has its own label, whatever characters the title holds."""
    embeddings = np.array([[0.5, -1], [2, 1e-7], [3, 123456], [4, 0]], np.float32)
    write_projector(embeddings, ["Tea\tfor\ntwo", "日本", " ", '"A" #1'], tmp_path / "projector")
    served = Projector(tmp_path)
    assert json.loads(served.get("/runs")) == ["."]
    (described,) = json.loads(served.get("/info", run="."))["embeddings"]
    assert (described["tensorName"], described["tensorShape"]) == ("items", [4, 2])
    np.testing.assert_allclose(served.vectors(2), embeddings, rtol=1e-4)
    assert served.labels() == ["Tea for two", "日本", "-", '"A" #1']


def test_of_many_items_some_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample spread evenly over the catalogue, first and last item included, each with its label."""
    monkeypatch.setattr(projector, "MOST_ITEMS", 5)
    embeddings = np.arange(41, dtype=np.float32)[:, None]
    write_projector(embeddings, [f"item {row}" for row in range(41)], tmp_path / "projector")
    served = Projector(tmp_path)
    assert served.vectors(1).ravel().tolist() == [0, 10, 20, 30, 40]
    assert served.labels() == ["item 0", "item 10", "item 20", "item 30", "item 40"]


def test_a_training_leaves_its_items_for_the_projector(artifacts: Artifacts) -> None:
    """TensorBoard finds them in the training logs without further options."""
    served = Projector(artifacts.models.logs)
    assert json.loads(served.get("/runs")) == ["."]
    embedded = np.stack(pq.read_table(artifacts.models.item_embeddings)["embedding"].to_numpy())
    np.testing.assert_allclose(served.vectors(8), embedded, rtol=1e-4)
    items = pq.read_table(artifacts.prepared.items)[RAW_ID].to_pylist()
    assert served.labels() == items
