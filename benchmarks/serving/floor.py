"""The minimum cost of an answer: the same models, index and arrays, called by hand in one process.

No server, checks, batches or store: one user at a time, with features already encoded and seen items
not filtered out.
"""

from pathlib import Path

import faiss
import numpy as np
import onnxruntime
import pyarrow.parquet as pq

from ensemble.releases.parts import read_parts
from recipes.schema.recipe import Recipe
from stages.artifacts import Artifacts
from stages.columns import RAW_ID

CANDIDATES, TOP_K = 100, 10


class Floor:
    """Query tower, 100 nearest items, their features, ranker, top 10; one thread.

    For recipes whose ranker reads only columns of users and items, without lists.
    """

    def __init__(self, recipe: Recipe, artifacts: Artifacts, release: Path) -> None:
        faiss.omp_set_num_threads(1)
        parts = read_parts(recipe, artifacts)
        users = pq.read_table(artifacts.prepared.users)
        self.user_ids: list[str] = users[RAW_ID].to_pylist()
        self.item_ids = parts.raw_item_ids
        self.index = faiss.read_index(str(release / "index.faiss"))
        self.query_tower = _session(release / "query_tower.onnx")
        self.ranker = _session(release / "ranker.onnx")

        def of_users(column: str) -> np.ndarray:
            return users[column.removeprefix("user.")].to_numpy()[:, None]

        feeds = parts.ranker_feeds.items()
        self.queries = {name: of_users(column) for name, column in parts.query_feeds.items()}
        self.users = {
            name: of_users(column) for name, column in feeds if column.startswith("user.")
        }
        self.items = {
            name: parts.item_columns[column.removeprefix("item.")][:, None]
            for name, column in feeds
            if column.startswith("item.")
        }

    def recommend(self, user: int) -> tuple[np.ndarray, np.ndarray]:
        """Item rows int64 [10] and scores float32 [10] for the user in row ``user``, best first."""
        columns = {name: column[user : user + 1] for name, column in self.queries.items()}
        [query] = self.query_tower.run(None, columns)
        _, [rows] = self.index.search(query, CANDIDATES)
        scores = self.scores(user, rows)
        best = np.argsort(-scores)[:TOP_K]
        return rows[best], scores[best]

    def scores(self, user: int, rows: np.ndarray) -> np.ndarray:
        """The ranker's scores float32 [n] of item rows int64 [n]."""
        inputs = {name: column[rows] for name, column in self.items.items()}
        for name, column in self.users.items():
            inputs[name] = np.repeat(column[user : user + 1], len(rows), axis=0)
        return self.ranker.run(None, inputs)[0][:, 0]


def _session(path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
