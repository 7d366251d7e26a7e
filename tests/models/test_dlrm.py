"""DLRM without categories: what is left are its MLPs over the numbers."""

from pathlib import Path

import numpy as np
import pytest

from models.export.onnx_export import export
from models.prepared import PreparedData
from models.rankers import dlrm
from recipes.load import of_tables
from recipes.schema.rankers import Dlrm
from tests.models import shop


def test_a_ranker_of_numbers_alone(tmp_path: Path) -> None:
    """A recipe that only names columns and reads no ids: every input is a ranker feature."""
    shop.write_files(tmp_path)
    content = shop.recipe(tmp_path).model_dump(mode="json", exclude_unset=True)
    bare = of_tables({**content, "features": {}, "ranker": {"ids": False}})
    data = PreparedData(shop.prepared(tmp_path, bare).prepared)
    numbers = {
        "popularity": np.array([1.0, 2.0, 3.0], np.float32),
        "retrieval_score": np.array([0.5, -0.5, 0.0], np.float32),
    }
    model = dlrm.build(data, Dlrm(ids=False, embedding_dim=4), numbers, steps=10)
    before = model.predict(numbers, verbose=0)
    assert before.shape == (3, 1)
    assert ((before > 0) & (before < 1)).all()
    relevant = np.array([1.0, 0.0, 0.0], np.float32)
    model.fit(numbers, relevant, epochs=60, verbose=0)
    after = model.predict(numbers, verbose=0).ravel()
    assert after.argmax() == 0
    assert not any("embedding" in weight.name for weight in model.weights)
    difference = export(model, numbers, tmp_path / "saved", tmp_path / "model.onnx")
    assert difference == pytest.approx(0, abs=1e-5)
