"""A feature kind is one file, a request option one entry: each is added to a copy of the code, and works."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = (
    *("runtime", "metrics", "shims", "stages", "features", "recipes", "sources", "workflows"),
    *("models", "evaluation", "ensemble", "scripts", "tests"),
)

QUANTILE = '''
"""The feature kind ``quantile``."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from features.codes import Intervals


class Quantile(Intervals):
    """Intervals of a number that hold equally many interactions of the training part."""

    kind: Literal["quantile"] = "quantile"
    """Intervals with equally many interactions."""
    intervals: Annotated[int, Field(ge=2)] = 4
    """How many there are."""

    can_be_combined: ClassVar[bool] = True

    def fit(self, values: np.ndarray, counts: np.ndarray) -> tuple[float, ...]:
        reached = np.cumsum(counts) / counts.sum()
        shares = np.arange(1, self.intervals) / self.intervals
        return tuple(np.unique(values[np.searchsorted(reached, shares)]).tolist())
'''

# Prepared by Polars and by NVTabular alike, combined with a category, and encoded for requests as prepared.
USES_THE_KIND = """
import sys
from pathlib import Path
import numpy as np
import pyarrow.parquet as pq
from models.prepared import PreparedData
from recipes.load import load
from runtime.features.encoding import Encoding
from shortlist import Recipe
from stages.errors import ShortlistError
from tests.models import shop

folder = Path(sys.argv[1])
shop.write_files(folder)
features = {
    "age": {"kind": "quantile", "intervals": 3},
    "country": {"kind": "categorical"},
    "both": {"kind": "combined", "of": ["age", "country"]},
}
made = shop.recipe(folder, features={"user": features})
tables = {}
for engine in ("polars", "dask"):
    recipe = Recipe(made, folder / engine)
    recipe.prepare(engine=engine)
    tables[engine] = pq.read_table(recipe.artifacts.prepared.users)
assert tables["polars"].equals(tables["dask"])
data = PreparedData(recipe.artifacts.prepared)
codes = data.users["age"]
assert sorted(np.unique(codes)) == [1, 3, 4, 5], np.unique(codes)  # null, and three intervals
raw = {row["customer"]: row for row in pq.read_table(folder / "users.parquet").to_pylist()}
of_users = [raw.get(user, {"age": None, "country": None}) for user in data.raw_user_ids]
encoding = Encoding.load(recipe.artifacts.prepared.encoding)
for encoder in encoding.user_features:
    values = [[user[name] for user in of_users] for name in encoder.columns]
    np.testing.assert_array_equal(encoder.encode(*values), data.users[encoder.name])
path = folder / "wrong.toml"
path.write_text('''
name = "x"
source = { kind = "parquet", interactions = "interactions.parquet" }
columns = { user = "customer", item = "product" }
split = { kind = "random" }
features.user.age = { kind = "quantile", intervals = 1, boundaries = [3] }
''')
try:
    load(str(path))
except ShortlistError as error:
    assert "age.boundaries: expected a key of kind 'quantile', got one of kind 'bucket'" in str(error)
    assert "age.intervals: expected a value greater than or equal to 2, got 1" in str(error)
else:
    raise AssertionError("it was not refused")
"""

OPTION = """\
    Option("note", "text", "a remark for the log", "--note", "TEXT", default=""),
)
BY_NAME"""

# Used in this process, through a real Triton over both protocols, and from the command line.
USES_THE_OPTION = """
import sys
from pathlib import Path
import numpy as np
from ensemble.releases.export import export
from ensemble.triton.client import Client
from ensemble.triton.server import running_server
from runtime import plan
from runtime.stores.sqlite_store import SqliteFeatureStore
from scripts.cli import parser_for
from tests.ensemble.synthetic import RECIPE, write_artifacts

artifacts = write_artifacts(Path(sys.argv[1]) / "made-up")
release = export(RECIPE, artifacts)
store = SqliteFeatureStore(artifacts.feature_store, read_only=True)
served = plan.load(release, store)
assert served.columns(served.request(["1"], note="x"))["note"].tolist() == ["x"]
here = served.recommend(["1", "2"], note=["x", "y"])
assert 'name: "note"' in (release / "config.pbtxt").read_text()
with running_server(artifacts, RECIPE.name) as server:
    for protocol in ("grpc", "http"):
        with Client(getattr(server.address, protocol), protocol) as client:
            found = client.recommend(["1", "2"], note=["x", "y"])
            np.testing.assert_array_equal(found.item_ids, here.item_ids)
assert "note: a remark for the log." in Client.recommend.__doc__
words = ["recommend", "movielens-100k", "--user", "1", "--note", "x"]
assert parser_for(words).parse_args(words).note == "x"
"""


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the code that may be changed."""
    code = tmp_path / "code"
    for folder in CODE:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, code / folder, ignore=ignored)
    shutil.copy(ROOT / "shortlist.py", code)
    return code


def run(code: Path, script: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        cwd=code,
        env=os.environ | {"PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


def test_a_feature_kind_is_one_file(copied: Path, tmp_path: Path) -> None:
    """Fitted by both engines, combined, compiled for requests, and known to messages."""
    (copied / "features" / "kinds" / "quantile.py").write_text(QUANTILE.lstrip())
    run(copied, USES_THE_KIND, tmp_path / "work")


def test_a_request_option_is_one_entry(copied: Path, tmp_path: Path) -> None:
    """On the wire, in the graph, the client, the configuration of Triton and the command line."""
    path = copied / "runtime" / "request_options.py"
    text = path.read_text()
    assert text.count(")\nBY_NAME") == 1
    path.write_text(text.replace(")\nBY_NAME", OPTION))
    run(copied, USES_THE_OPTION, tmp_path / "work")
